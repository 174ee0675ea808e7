// What can be done to a package that is installed: reload, unload and load it, remove it. A menu beside its name in the
// Widget List, and, where it doesn't run, a line below its name that says why and what helps.

import * as api from "./api.js";
import { element, icon, setAttribute, setText } from "./dom.js";
import { askRemoval } from "./packages.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The states in which a package has something to say below its name. */
const SPEAKING = ["failed", "stopped", "waiting"];

/** What is shown of each package, by its UUID: `update(package)` brings it up to date. */
const shown = new Map();

store.on("packages", () => {
  for (const owner of store.packages) shown.get(owner.uuid)?.update(owner);
});

/** The menu button of a package and the line below its name: `{button, note}`. They keep themselves up to date. */
export function packageControls(owner) {
  const made = new Controls(owner);
  shown.set(owner.uuid, made);
  return made;
}

class Controls {
  #state = element("p", { className: "package-menu-state" });
  #message = element("p", { className: "muted" });
  #reload = this.#action("reload", () => act(this.uuid, api.loadPackage, "packageLoaded"));
  #load = this.#action("load", () => act(this.uuid, api.loadPackage, "packageLoaded"));
  #unload = this.#action("unload", () => act(this.uuid, api.unloadPackage, "packageUnloaded"));
  #why = element("span", {});
  #again = element("button", { type: "button", className: "small" });

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
      putBelow(this.menu, menuButton.getBoundingClientRect());
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
    this.#again.addEventListener("click", () => act(this.uuid, api.loadPackage, "packageLoaded"));
    this.note = element("div", { className: "package-note", hidden: true }, this.#why, this.#again);
    this.update(owner);
  }

  #action(words, act) {
    const button = element("button", { type: "button" }, text(words));
    button.addEventListener("click", () => {
      this.menu.hidePopover();
      act();
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
    this.note.hidden = !SPEAKING.includes(status);
    setAttribute(this.note, "data-status", status);
    setText(this.#why, message ?? state);
    // Only where it can help: a package that has nothing for this system never starts.
    this.#again.hidden = status === "waiting" || !canStart;
    this.#reload.hidden ||= !canStart;
    setText(this.#again, text(stopped ? "load" : "startAgain"));
    setAttribute(this.#again, "aria-label", text(stopped ? "loadNamed" : "startAgainNamed", { name }));
  }
}

function putBelow(menu, anchor) {
  const left = Math.min(anchor.left, innerWidth - menu.offsetWidth - 8);
  const top = Math.min(anchor.bottom + 4, innerHeight - menu.offsetHeight - 8);
  menu.style.left = `${Math.max(left, 8)}px`;
  menu.style.top = `${Math.max(top, 8)}px`;
}

async function act(uuid, request, words) {
  try {
    const { name } = await request(uuid);
    announce(text(words, { name }));
  } catch (error) {
    showError(error);
  }
  // The list may have been drawn again, and what had the focus is gone then.
  if (document.activeElement === document.body || !document.activeElement?.checkVisibility()) {
    document.querySelector(`[data-menu="${CSS.escape(uuid)}"]`)?.focus();
  }
}
