// The list of a multi-action key: what it does, in which order, and what can be added to it. Every change is sent at once, and is
// one step to undo.

import * as api from "./api.js";
import { nameOf } from "./actions.js";
import { element, icon } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** As the server has it: the longest pause, in seconds. */
const LONGEST_PAUSE_S = 600;
const USUAL_PAUSE_MS = 500;

/** The widget of the deck's own that has a list. */
export const isMultiAction = (instance) => instance.package === store.own?.uuid && instance.missing === null;

/** The list of one key. */
export class StepList {
  #list = element("ol", { className: "steps" });
  #empty = element("p", { className: "muted" }, text("stepsEmpty"));
  #drawn = null;
  #steps = [];
  /** Settles when the last change that was made is done. */
  #sent = Promise.resolve();

  constructor(context) {
    this.context = context;
    this.node = element("div", { className: "step-list" }, this.#empty, this.#list, this.#adding());
  }

  /** Shows what the key has now. */
  update(instance) {
    this.#steps = instance.steps;
    const names = instance.steps.map((step) => this.#name(step));
    const content = JSON.stringify([instance.steps, names, store.deck.profiles]);
    if (content === this.#drawn) return;
    this.#drawn = content;
    const focused = this.#list.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    this.#list.replaceChildren(...instance.steps.map((step, index) => this.#row(step, index)));
    this.#empty.hidden = instance.steps.length > 0;
    if (focused) (this.#list.querySelector(`[data-focus="${focused}"]`) ?? this.node.querySelector("select"))?.focus();
  }

  #name(step) {
    if (step.press !== undefined) {
      const pressed = store.instances.get(step.press);
      if (!pressed) return text("stepMissing");
      return pressed.missing === null ? nameOf(pressed) : text("stepMissingNamed", { name: nameOf(pressed), why: text(`missing.${pressed.missing.why}`) });
    }
    if (step.pause !== undefined) return text("stepPause");
    if (step.profile !== undefined) return text("stepProfile");
    if (step.url !== undefined) return text("stepUrl");
    return text("stepUnknown");
  }

  #row(step, index) {
    const name = this.#name(step);
    const last = this.#steps.length - 1;
    const button = (sign, words, act, disabled) => {
      const label = text("stepAction", { words: text(words), number: index + 1, name });
      const made = element("button", { type: "button", className: "icon-button", title: label, "aria-label": label, "data-focus": `${words}-${index}` }, icon(sign));
      if (disabled) made.setAttribute("aria-disabled", "true");
      made.addEventListener("click", () => disabled || act());
      return made;
    };
    return element(
      "li",
      {},
      element("span", { className: "step-number", "aria-hidden": "true" }, String(index + 1)),
      element("bdi", { className: "step-name" }, name),
      this.#field(step, index),
      element(
        "span",
        { className: "step-tools" },
        button("up", "stepUp", () => this.#move(index, -1), index === 0),
        button("down", "stepDown", () => this.#move(index, 1), index === last),
        button("trash", "stepRemove", () => this.#change(this.#steps.toSpliced(index, 1)), false),
      ),
    );
  }

  // What can be said of a step.
  #field(step, index) {
    const label = text("stepField", { number: index + 1, name: this.#name(step) });
    const common = { "aria-label": label, "data-focus": `field-${index}` };
    const replace = (other) => this.#change(this.#steps.with(index, other));
    if (step.press !== undefined) {
      const pressed = store.instances.get(step.press);
      if (!pressed || pressed.missing !== null) return null;
      const settings = element("button", { type: "button", className: "small", ...common }, text("stepSettings"));
      settings.setAttribute("aria-label", text("stepSettingsOf", { number: index + 1, name: this.#name(step) }));
      settings.addEventListener("click", () => store.open(step.press));
      return settings;
    }
    if (step.pause !== undefined) {
      const field = element("input", { type: "number", min: 0, max: LONGEST_PAUSE_S, step: 0.1, value: step.pause / 1000, ...common });
      field.addEventListener("change", () => {
        if (field.value !== "" && field.checkValidity()) replace({ pause: Math.round(Number(field.value) * 1000) });
        else field.value = step.pause / 1000;
      });
      return element("span", { className: "step-pause" }, field, " ", text("seconds"));
    }
    if (step.profile !== undefined) {
      const options = store.deck.profiles.map(({ id, name }) => element("option", { value: id, selected: id === step.profile }, name));
      if (!store.deck.profiles.some(({ id }) => id === step.profile)) {
        options.unshift(element("option", { value: step.profile, selected: true }, text("stepProfileGone")));
      }
      const select = element("select", common, ...options);
      select.addEventListener("change", () => replace({ profile: select.value }));
      return select;
    }
    if (step.url !== undefined) {
      const field = element("input", { type: "text", inputMode: "url", value: step.url, spellcheck: false, autocomplete: "off", ...common });
      field.addEventListener("change", () => replace({ url: field.value.trim() }));
      return field;
    }
    return null;
  }

  #adding() {
    const select = element("select", { id: "step-widget", "aria-label": text("stepAddWidget") });
    const fill = () => {
      const groups = store.packages.map(({ name, widgets }) =>
        element(
          "optgroup",
          { label: name },
          ...widgets.filter((widget) => widget.multiActionSupported).map((widget) => element("option", { value: widget.uuid }, widget.name)),
        ),
      );
      select.replaceChildren(element("option", { value: "" }, text("stepAddWidget")), ...groups);
    };
    fill();
    select.addEventListener("change", () => {
      if (select.value !== "") this.#add({ widget: select.value });
      select.value = "";
    });
    const adds = [
      ["stepAddPause", () => ({ pause: USUAL_PAUSE_MS })],
      ["stepAddProfile", () => ({ profile: store.deck.profiles.find(({ id }) => id !== store.deck.active)?.id ?? store.deck.active })],
      ["stepAddUrl", () => ({ url: "https://example.com/" })],
    ];
    const buttons = adds.map(([words, make]) => {
      const button = element("button", { type: "button", "data-add": words }, text(words));
      button.addEventListener("click", () => this.#add(make()));
      return button;
    });
    return element("div", { className: "step-adding" }, select, ...buttons);
  }

  // To the list as it is then: what was added before may still be on its way.
  #add(step) {
    this.#change((steps) => [...steps, step]);
  }

  #move(index, by) {
    const moved = this.#steps.toSpliced(index, 1).toSpliced(index + by, 0, this.#steps[index]);
    this.#change(moved);
    // The focus goes along with the step.
    const focused = document.activeElement?.dataset.focus;
    if (focused) document.activeElement.dataset.focus = focused.replace(/\d+$/, String(index + by));
  }

  // Takes the new list, or what makes it of the list that is there when all earlier changes are made.
  #change(wanted) {
    this.#sent = this.#sent.then(() => this.#send(typeof wanted === "function" ? wanted(this.#steps) : wanted));
  }

  async #send(steps) {
    try {
      const instance = await api.setSteps(this.context, steps);
      // The event may come later; what is added next is added to this.
      this.#steps = instance.steps;
      announce(text("stepsCount", { count: instance.steps.length }));
    } catch (error) {
      showError(error);
      this.#drawn = null;
      const now = store.instances.get(this.context);
      if (now) this.update(now);
    }
  }
}
