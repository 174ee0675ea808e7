// For package authors: the three messages of a press, one at a time, to the package of the selected key; its context, and what is
// stored for it.

import * as api from "./api.js";
import { element, setText } from "./dom.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** What each button sends, as the phase of a press. */
const MESSAGES = { actionDown: "down", actionUp: "cancel", actionTriggered: "triggered" };

/** What one instance is tried with. */
export class Trial {
  #settings = element("pre", { className: "trial-settings", tabIndex: 0, role: "region", "aria-label": text("trialSettings") });

  constructor(context) {
    this.context = context;
    const buttons = Object.entries(MESSAGES).map(([name, phase]) => {
      const button = element("button", { type: "button", "data-message": name }, name);
      button.addEventListener("click", () => this.#send(name, phase));
      return button;
    });
    const again = element("button", { type: "button", className: "small" }, text("trialRefresh"));
    again.addEventListener("click", () => this.refresh());
    this.node = element(
      "div",
      { className: "trial" },
      element("p", { className: "muted" }, text("trialHint")),
      element("div", { className: "trial-buttons", role: "group", "aria-label": text("trialMessages") }, ...buttons),
      element("p", { className: "muted" }, text("trialContext"), " ", element("code", {}, context)),
      element("div", { className: "trial-heading" }, element("h3", {}, text("trialSettings")), again),
      this.#settings,
    );
  }

  /** Shows what is stored now. */
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
      announce(text("trialSent", { message: name }));
      this.refresh();
    } catch (error) {
      showError(error);
    }
  }
}
