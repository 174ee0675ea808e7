// A context menu, at the pointer or below an element. Arrow keys move through its items, Escape closes it. An item with a
// submenu shows it in place of the menu.

import { element, icon } from "./dom.js";
import { text } from "./strings.js";

/** Minimum distance of a menu from the window's edge, in CSS pixels. */
const MARGIN = 8;

let open = null;

/**
 * Shows a menu named `label`. Each item is `{label, shortcut, run, items, disabled}`, or null for a separator; `items` is a
 * submenu. The menu opens at `at`: `{x, y}`, or an element. The focus goes to `returnTo` when it closes.
 */
export function showMenu(label, items, { at, returnTo }) {
  open?.close();
  open = new Menu(label, items, at, returnTo);
}

class Menu {
  #node = element("div", { className: "menu", popover: "auto", role: "menu" });

  constructor(label, items, at, returnTo) {
    this.at = at;
    this.returnTo = returnTo;
    this.#node.addEventListener("keydown", (event) => this.#onKeyDown(event));
    this.#node.addEventListener("contextmenu", (event) => event.preventDefault());
    this.#node.addEventListener("toggle", (event) => {
      if (event.newState === "closed") this.close();
    });
    document.body.append(this.#node);
    this.#node.showPopover();
    this.#fill(label, items, null);
  }

  /** Closes the menu and returns the focus, unless it is already elsewhere. */
  close() {
    if (open !== this) return;
    open = null;
    const focused = document.activeElement === document.body || this.#node.contains(document.activeElement);
    this.#node.remove();
    if (focused && this.returnTo?.isConnected) this.returnTo.focus();
  }

  #fill(label, items, back) {
    this.back = back;
    this.#node.setAttribute("aria-label", label);
    const nodes = items.map((item) => (item === null ? element("hr", {}) : this.#item(item, label, items)));
    if (back !== null) nodes.unshift(this.#item({ label: text("menuBack"), run: back, keepsOpen: true, iconName: "back" }), element("hr", {}));
    this.#node.replaceChildren(...nodes);
    this.#place();
    this.#buttons()[back === null ? 0 : 1]?.focus();
  }

  #item({ label, shortcut, run, items, disabled, keepsOpen, iconName }, menuLabel, siblings) {
    const button = element(
      "button",
      { type: "button", role: "menuitem", tabIndex: -1 },
      iconName ? icon(iconName) : null,
      element("bdi", { className: "menu-label" }, label),
      shortcut ? element("kbd", {}, shortcut) : null,
      items ? icon("forward") : null,
    );
    if (items) button.setAttribute("aria-haspopup", "menu");
    if (disabled) button.setAttribute("aria-disabled", "true");
    button.addEventListener("click", () => {
      if (disabled) return;
      if (items) {
        this.#fill(label, items, () => this.#fill(menuLabel, siblings, null));
        return;
      }
      if (!keepsOpen) this.close();
      run();
    });
    button.addEventListener("pointerenter", () => button.focus({ focusVisible: false }));
    return button;
  }

  #buttons() {
    return [...this.#node.querySelectorAll("button")];
  }

  #place() {
    const { offsetWidth: width, offsetHeight: height } = this.#node;
    const box = this.at instanceof Element ? this.at.getBoundingClientRect() : null;
    const x = box === null ? this.at.x : box.left;
    const y = box === null ? this.at.y : box.bottom + 4;
    this.#node.style.left = `${Math.max(Math.min(x, innerWidth - width - MARGIN), MARGIN)}px`;
    this.#node.style.top = `${Math.max(Math.min(y, innerHeight - height - MARGIN), MARGIN)}px`;
  }

  #onKeyDown(event) {
    const buttons = this.#buttons();
    const at = buttons.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      buttons[(next + buttons.length) % buttons.length].focus();
    } else if (event.key === "ArrowRight" && buttons[at]?.getAttribute("aria-haspopup") === "menu") {
      event.preventDefault();
      buttons[at].click();
    } else if (event.key === "ArrowLeft" && this.back !== null) {
      event.preventDefault();
      this.back();
    } else if (event.key === "Tab") {
      event.preventDefault();
      this.close();
    } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== " ") {
      // A letter focuses the next item that begins with it.
      const later = [...buttons.slice(at + 1), ...buttons.slice(0, at + 1)];
      later.find((button) => button.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    }
    // Keep the Panel's own shortcuts from handling the event.
    event.stopPropagation();
  }
}
