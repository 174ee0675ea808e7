// The list of a multi-action key: its steps in order, and controls to add more. Every change is sent immediately and can be
// undone as one step.

import * as api from "./api.js";
import { nameOf } from "./actions.js";
import { element, icon } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The longest pause in seconds, as on the server. */
const MAX_PAUSE_S = 600;
const DEFAULT_PAUSE_MS = 500;

/** Returns whether an instance is a multi-action key, the only built-in widget of the deck. */
export const isMultiAction = (instance) => instance.package === store.own?.uuid && instance.missing === null;

/** The steps of one key. */
export class StepList {
  #list = element("ol", { className: "steps" });
  #empty = element("p", { className: "muted" }, text("stepsEmpty"));
  #drawn = null;
  #steps = [];
  /** Settles when all changes have been sent. */
  #queue = Promise.resolve();

  constructor(context) {
    this.context = context;
    this.node = element("div", { className: "step-list" }, this.#empty, this.#list, this.#addControls());
  }

  /** Applies changes of the instance. */
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
    const button = (iconName, labelKey, onClick, disabled) => {
      const label = text("stepAction", { action: text(labelKey), number: index + 1, name });
      const node = element("button", { type: "button", className: "icon-button", title: label, "aria-label": label, "data-focus": `${labelKey}-${index}` }, icon(iconName));
      if (disabled) node.setAttribute("aria-disabled", "true");
      node.addEventListener("click", () => disabled || onClick());
      return node;
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

  // The field that edits a step, or null if it has none.
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
      const field = element("input", { type: "number", min: 0, max: MAX_PAUSE_S, step: 0.1, value: step.pause / 1000, ...common });
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

  #addControls() {
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
    const additions = [
      ["stepAddPause", () => ({ pause: DEFAULT_PAUSE_MS })],
      ["stepAddProfile", () => ({ profile: store.deck.profiles.find(({ id }) => id !== store.deck.active)?.id ?? store.deck.active })],
      ["stepAddUrl", () => ({ url: "https://example.com/" })],
    ];
    const buttons = additions.map(([labelKey, createStep]) => {
      const button = element("button", { type: "button", "data-add": labelKey }, text(labelKey));
      button.addEventListener("click", () => this.#add(createStep()));
      return button;
    });
    return element("div", { className: "step-adding" }, select, ...buttons);
  }

  // Appends to the list as it is when earlier changes have been sent.
  #add(step) {
    this.#change((steps) => [...steps, step]);
  }

  #move(index, by) {
    const moved = this.#steps.toSpliced(index, 1).toSpliced(index + by, 0, this.#steps[index]);
    this.#change(moved);
    // Keep the focus on the moved step.
    const focused = document.activeElement?.dataset.focus;
    if (focused) document.activeElement.dataset.focus = focused.replace(/\d+$/, String(index + by));
  }

  // Queues a change: a new list, or a function that derives it from the list after all earlier changes.
  #change(change) {
    this.#queue = this.#queue.then(() => this.#send(typeof change === "function" ? change(this.#steps) : change));
  }

  async #send(steps) {
    try {
      const instance = await api.setSteps(this.context, steps);
      // The event may arrive later, but the next change has to start from this list.
      this.#steps = instance.steps;
      announce(text("stepsCount", { count: instance.steps.length }));
    } catch (error) {
      showError(error);
      this.#drawn = null;
      const instance = store.instances.get(this.context);
      if (instance) this.update(instance);
    }
  }
}
