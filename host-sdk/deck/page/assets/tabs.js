// A list of tabs and their panels. Arrow keys, Home and End move between tabs.

import { element, setAttribute } from "./dom.js";

/** A tab list, `list`, and its `panels`, which the caller places below it. */
export class Tabs {
  #tabs;

  /** Each panel is `[name, label, node]`; `onChoose(name)` is called for every choice. Nothing is chosen initially. */
  constructor(id, label, panels, onChoose) {
    this.onChoose = onChoose;
    this.#tabs = panels.map(([name, tabLabel, node]) => {
      const button = element(
        "button",
        { type: "button", role: "tab", id: `${id}-tab-${name}`, "data-tab": name, "aria-controls": `${id}-panel-${name}` },
        tabLabel,
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

  /** Shows the panel of this name, or the first one if there is none. */
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

  /** Focuses the chosen tab. */
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
