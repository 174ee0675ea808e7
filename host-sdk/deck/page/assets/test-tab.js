// The Test tab for package authors: sends the three messages of a press to the selected key's package, one at a time, and shows
// the key's context and stored settings.

import * as api from "./api.js";
import { element, setText } from "./dom.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The buttons, and the phase of a press that each sends. */
const MESSAGES = { actionDown: "down", actionUp: "cancel", actionTriggered: "triggered" };

/** The Test tab of one instance. */
export class TestTab {
  #settings = element("pre", { className: "test-settings", tabIndex: 0, role: "region", "aria-label": text("testSettings") });

  constructor(context) {
    this.context = context;
    const buttons = Object.entries(MESSAGES).map(([name, phase]) => {
      const button = element("button", { type: "button", "data-message": name }, name);
      button.addEventListener("click", () => this.#send(name, phase));
      return button;
    });
    const refresh = element("button", { type: "button", className: "small" }, text("testRefresh"));
    refresh.addEventListener("click", () => this.refresh());
    this.node = element(
      "div",
      { className: "test-tab" },
      element("p", { className: "muted" }, text("testHint")),
      element("div", { className: "test-buttons", role: "group", "aria-label": text("testMessages") }, ...buttons),
      element("p", { className: "muted" }, text("testContext"), " ", element("code", {}, context)),
      element("div", { className: "test-heading" }, element("h3", {}, text("testSettings")), refresh),
      this.#settings,
    );
  }

  /** Shows the current settings. */
  async refresh() {
    try {
      const { settings } = await api.getInstance(this.context);
      setText(this.#settings, JSON.stringify(settings, null, 2));
    } catch (error) {
      showError(error);
    }
  }

  async #send(name, phase) {
    try {
      await api.sendPhase(this.context, phase);
      announce(text("testSent", { message: name }));
      this.refresh();
    } catch (error) {
      showError(error);
    }
  }
}
