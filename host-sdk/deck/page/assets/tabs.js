// A list of tabs, and the panel that the chosen one shows. Arrow keys, Home and End go from tab to tab.

import { element, setAttribute } from "./dom.js";

/** `list` is to be put above `panels`. */
export class Tabs {
  #tabs;

  /** `panels` are `[name, label, node]` each; `onChoose(name)` hears of every choice. Nothing is chosen at first. */
  constructor(id, label, panels, onChoose) {
    this.onChoose = onChoose;
    this.#tabs = panels.map(([name, words, node]) => {
      const button = element(
        "button",
        { type: "button", role: "tab", id: `${id}-tab-${name}`, "data-tab": name, "aria-controls": `${id}-panel-${name}` },
        words,
      );
      button.addEventListener("click", () => this.choose(name));
      node.id = `${id}-panel-${name}`;
      node.setAttribute("role", "tabpanel");
      node.setAttribute("aria-labelledby", button.id);
      node.classList.add("tab-panel");
      return { name, button, node };
    });
    this.list = element("div", { role: "tablist", className: "tabs", "aria-label": label }, ...this.#tabs.map(({ button }) => button));
    this.list.addEventListener("keydown", (event) => this.#onKeyDown(event));
    this.panels = this.#tabs.map(({ node }) => node);
  }

  /** Shows the panel of this name; the first one where there is none. */
  choose(name) {
    const chosen = this.#tabs.find((tab) => tab.name === name) ?? this.#tabs[0];
    for (const { button, node } of this.#tabs) {
      const isChosen = button === chosen.button;
      setAttribute(button, "aria-selected", isChosen);
      button.tabIndex = isChosen ? 0 : -1;
      node.hidden = !isChosen;
    }
    this.onChoose(chosen.name);
  }

  /** Gives the chosen tab the focus. */
  focus() {
    this.#tabs.find(({ node }) => !node.hidden).button.focus();
  }

  #onKeyDown(event) {
    const at = this.#tabs.findIndex(({ node }) => !node.hidden);
    const count = this.#tabs.length;
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: count - 1 }[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.choose(this.#tabs[(next + count) % count].name);
    this.focus();
  }
}
