// The Look tab: what the user may change about a key's appearance besides its title: layout, font, icons, and the shown state.

import * as api from "./api.js";
import { resize, sizeText } from "./actions.js";
import { element } from "./dom.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

const FAMILIES = ["Arial", "Comic Sans MS", "Courier New", "Georgia", "Impact", "Segoe UI", "Tahoma", "Times New Roman", "Trebuchet MS", "Verdana"];
/** The protocol's font of a key for which none was set. */
const DEFAULT_FONT = { family: "Arial", size: 12, color: "#ffffff", hAlignment: "center", bold: false, italic: false, underLine: false };
const STYLES = { bold: "B", italic: "I", underLine: "U" };
const MAX_ICON_BYTES = 1 << 20;

/** The fields of one instance; `node` is null if nothing can be changed. */
export class Look {
  #fields = {};
  #icons = [];

  constructor(instance, widget) {
    this.context = instance.context;
    const groups = [
      widget.layouts.length > 1 ? this.#layout(widget) : null,
      instance.states > 1 ? this.#state(instance.states) : null,
      widget.titleViewEditable ? this.#font() : null,
      widget.iconEditable ? this.#iconGroup(instance.states) : null,
    ].filter((group) => group !== null);
    this.node = groups.length === 0 ? null : element("div", { className: "look" }, ...groups);
  }

  /** Applies changes of the instance. */
  update(instance) {
    this.font = { ...DEFAULT_FONT, ...instance.font };
    const { layout, state, family, size, color, hAlignment, reset } = this.#fields;
    if (layout) layout.value = String(instance.layout);
    if (state) state.value = String(instance.state);
    if (family) {
      if (![...family.options].some((option) => option.value === this.font.family)) {
        family.append(element("option", { value: this.font.family }, this.font.family));
      }
      family.value = this.font.family;
      if (document.activeElement !== size) size.value = this.font.size;
      color.value = this.font.color;
      hAlignment.value = this.font.hAlignment;
      for (const style of Object.keys(STYLES)) this.#fields[style].setAttribute("aria-pressed", this.font[style]);
      reset.disabled = !instance.edited.font;
    }
    for (const [index, button] of this.#icons.entries()) button.disabled = !instance.edited.icons.includes(index);
  }

  #layout(widget) {
    const options = widget.layouts.map((layout, index) =>
      element("option", { value: String(index) }, text("layoutAndSize", { title: layout.title || text("layoutNumber", { number: index + 1 }), size: sizeText(layout) })),
    );
    const select = element("select", { id: "layout-field" }, ...options);
    select.addEventListener("change", () => resize(this.context, Number(select.value)));
    this.#fields.layout = select;
    return group(text("layout"), "layout-field", select);
  }

  #state(count) {
    const options = Array.from({ length: count }, (_, n) => element("option", { value: String(n) }, text("stateNumber", { number: n + 1 })));
    const select = element("select", { id: "state-field" }, ...options);
    select.addEventListener("change", () => api.setState(this.context, Number(select.value)).catch(showError));
    this.#fields.state = select;
    return group(text("state"), "state-field", select);
  }

  #font() {
    const change = (name, value) => api.setFont(this.context, { ...this.font, [name]: value }).catch(showError);
    const family = element("select", { id: "font-field" }, ...FAMILIES.map((name) => element("option", { value: name }, name)));
    const size = element("input", { type: "number", min: 6, max: 18, step: 1, id: "font-size", "aria-label": text("fontSize") });
    const color = element("input", { type: "color", id: "font-color", "aria-label": text("fontColor") });
    const hAlignment = element(
      "select",
      { id: "font-alignment", "aria-label": text("fontAlignment") },
      ...["left", "center", "right"].map((side) => element("option", { value: side }, text(`alignment.${side}`))),
    );
    family.addEventListener("change", () => change("family", family.value));
    size.addEventListener("change", () => {
      if (size.checkValidity() && size.value !== "") change("size", Number(size.value));
      else size.value = this.font.size;
    });
    color.addEventListener("change", () => change("color", color.value));
    hAlignment.addEventListener("change", () => change("hAlignment", hAlignment.value));
    const styles = Object.entries(STYLES).map(([style, sign]) => {
      const label = text(`fontStyle.${style}`);
      const button = element("button", { type: "button", className: `small style-${style}`, title: label, "aria-label": label }, sign);
      button.addEventListener("click", () => change(style, !this.font[style]));
      this.#fields[style] = button;
      return button;
    });
    const reset = element("button", { type: "button", className: "small" }, text("backToDefault"));
    reset.addEventListener("click", () => api.setFont(this.context, null).catch(showError));
    Object.assign(this.#fields, { family, size, color, hAlignment, reset });
    return group(text("font"), "font-field", family, size, color, hAlignment, ...styles, reset);
  }

  #iconGroup(count) {
    const rows = Array.from({ length: count }, (_, state) => {
      const name = count > 1 ? text("iconOfState", { number: state + 1 }) : text("icon");
      const file = element("input", { type: "file", id: `icon-file-${state}`, accept: ".png,.jpg,.jpeg,.gif,.bmp,.webp,.svg,image/png,image/jpeg,image/gif,image/bmp,image/webp,image/svg+xml", hidden: true, "aria-label": name });
      file.addEventListener("change", () => this.#send(state, file));
      const choose = element("button", { type: "button", className: "small", "aria-label": text("chooseIconOf", { name }) }, text("chooseFile"));
      choose.addEventListener("click", () => file.click());
      const reset = element("button", { type: "button", className: "small", "aria-label": text("resetIconOf", { name }) }, text("backToDefault"));
      reset.addEventListener("click", () => api.setIcon(this.context, state, null).catch(showError));
      this.#icons[state] = reset;
      return group(name, null, file, choose, reset);
    });
    return element("div", {}, ...rows);
  }

  #send(state, field) {
    const [file] = field.files;
    field.value = "";
    if (file === undefined) return;
    // The server refuses it too, but would close the connection during the upload, without a message.
    if (file.size > MAX_ICON_BYTES) showError(new Error(text("iconTooLarge")));
    else api.setIcon(this.context, state, file).catch(showError);
  }
}

function group(label, field, ...controls) {
  const name = field === null ? element("span", { className: "look-name" }, label) : element("label", { htmlFor: field, className: "look-name" }, label);
  return element("div", { className: "look-row" }, name, ...controls);
}
