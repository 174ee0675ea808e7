// Controls of an installed package in the Widget List: a menu next to its name (reload, unload, load, remove) and, if the
// package isn't running, a line below its name with the reason and a button to start it.

import * as api from "./api.js";
import { element, icon, setAttribute, setText } from "./dom.js";
import { askRemoval } from "./packages.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The states in which the line below the package's name is shown. */
const STATES_WITH_NOTE = ["failed", "stopped", "waiting"];

/** The controls of each package, by its UUID. */
const shown = new Map();

store.on("packages", () => {
  for (const owner of store.packages) shown.get(owner.uuid)?.update(owner);
});

/** Creates a package's menu button and the line below its name: `{button, note}`. They follow the store. */
export function packageControls(owner) {
  const controls = new Controls(owner);
  shown.set(owner.uuid, controls);
  return controls;
}

class Controls {
  #state = element("p", { className: "package-menu-state" });
  #message = element("p", { className: "muted" });
  #reload = this.#action("reload", () => run(this.uuid, api.loadPackage, "packageLoaded"));
  #load = this.#action("load", () => run(this.uuid, api.loadPackage, "packageLoaded"));
  #unload = this.#action("unload", () => run(this.uuid, api.unloadPackage, "packageUnloaded"));
  #reason = element("span", {});
  #start = element("button", { type: "button", className: "small" });

  constructor(owner) {
    this.uuid = owner.uuid;
    const label = text("packageMenu", { name: owner.name });
    this.menu = element(
      "div",
      { className: "package-menu", popover: "auto", role: "dialog", "aria-label": label },
      this.#state,
      this.#message,
      this.#reload,
      this.#load,
      this.#unload,
      this.#action("removeMenu", () => askRemoval(this.uuid)),
    );
    const menuButton = element(
      "button",
      { type: "button", className: "icon-button", title: label, "aria-label": label, "aria-haspopup": "dialog", "data-menu": owner.uuid },
      icon("more"),
    );
    menuButton.addEventListener("click", () => {
      this.menu.togglePopover({ source: menuButton });
      if (!this.menu.matches(":popover-open")) return;
      positionBelow(this.menu, menuButton.getBoundingClientRect());
      this.menu.querySelector("button:not([hidden])").focus();
    });
    this.menu.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      const buttons = [...this.menu.querySelectorAll("button:not([hidden])")];
      const step = event.key === "ArrowDown" ? 1 : buttons.length - 1;
      buttons[(buttons.indexOf(document.activeElement) + step) % buttons.length].focus();
    });
    this.button = element("div", { className: "package-menu-holder" }, menuButton, this.menu);
    this.#start.addEventListener("click", () => run(this.uuid, api.loadPackage, "packageLoaded"));
    this.note = element("div", { className: "package-note", hidden: true }, this.#reason, this.#start);
    this.update(owner);
  }

  #action(label, onClick) {
    const button = element("button", { type: "button" }, text(label));
    button.addEventListener("click", () => {
      this.menu.hidePopover();
      onClick();
    });
    return button;
  }

  update({ name, version, status, message, canStart }) {
    const state = text(`status.${status}`);
    setText(this.#state, text("packageState", { version, status: state }));
    setText(this.#message, message ?? "");
    this.#message.hidden = message === null;
    const stopped = status === "stopped";
    this.#reload.hidden = stopped;
    this.#unload.hidden = stopped;
    this.#load.hidden = !stopped;
    this.note.hidden = !STATES_WITH_NOTE.includes(status);
    setAttribute(this.note, "data-status", status);
    setText(this.#reason, message ?? state);
    // A package without a program for this system can never start.
    this.#start.hidden = status === "waiting" || !canStart;
    this.#reload.hidden ||= !canStart;
    setText(this.#start, text(stopped ? "load" : "startAgain"));
    setAttribute(this.#start, "aria-label", text(stopped ? "loadNamed" : "startAgainNamed", { name }));
  }
}

function positionBelow(menu, anchor) {
  const left = Math.min(anchor.left, innerWidth - menu.offsetWidth - 8);
  const top = Math.min(anchor.bottom + 4, innerHeight - menu.offsetHeight - 8);
  menu.style.left = `${Math.max(left, 8)}px`;
  menu.style.top = `${Math.max(top, 8)}px`;
}

async function run(uuid, request, message) {
  try {
    const { name } = await request(uuid);
    announce(text(message, { name }));
  } catch (error) {
    showError(error);
  }
  // The list may have been redrawn, which removes the focused element.
  if (document.activeElement === document.body || !document.activeElement?.checkVisibility()) {
    document.querySelector(`[data-menu="${CSS.escape(uuid)}"]`)?.focus();
  }
}
