// What one key shows, from below: the picture of its state, the title that the host draws over it, the package's image, and
// the action effect. Used by the Panel and by the small preview beside the property view.

import { element, icon, setAttribute, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";

const FALLBACK_FONT = '"Segoe UI", "Helvetica Neue", Arial, "Noto Sans", sans-serif';
const PLACES = { left: "left", center: "center", right: "right" };
/** Stands in for a picture that can't be drawn. */
export const NO_PICTURE = "/assets/no-picture.svg";
/** The states in which a package's keys do nothing until its user does something about it. */
const RESTING = ["failed", "stopped"];

/** The state of the package of an instance, if its keys do nothing for now; else null. */
export function restOf(instance) {
  const status = store.package(instance.package)?.status;
  return RESTING.includes(status) ? status : null;
}

/** Makes the picture of an instance; `node` is the element, `update` draws what has changed. */
export class Face {
  #icon = new Layer("face-icon", NO_PICTURE);
  #title = element("span", { className: "face-title" });
  #image = new Layer("face-image");
  #effect = new Layer("face-effect");
  #name = element("span", { className: "face-missing-name" });
  // Why it is missing is drawn beside it by the style sheet: the key's label has both, with a comma between them.
  #missing = element("span", { className: "face-missing", "aria-hidden": "true" }, icon("package"), this.#name);
  #font = null;

  constructor() {
    const content = element("span", { className: "face-content" }, this.#icon.node, this.#title, this.#image.node);
    const mark = element("span", { className: "face-mark", "aria-hidden": "true" }, "!");
    this.node = element("span", { className: "face" }, content, mark, this.#effect.node, this.#missing);
  }

  /** The address of the picture that is seen, or null. */
  get source() {
    return this.#image.source ?? this.#icon.source;
  }

  /** Shows `instance`; `widget` (or null) lends its icon while its state has none. */
  update(instance, widget) {
    const effect = instance.effect ?? "clear";
    const effectImage = effect === "clear" ? null : (instance.effectImage ?? null);
    this.#icon.show(instance.icon ?? widget?.icon ?? null);
    this.#image.show(instance.image ?? null);
    this.#effect.show(effectImage);
    setAttribute(this.node, "data-effect", effect);
    // A picture of the package's own takes the place of the host's way to draw the effect.
    setAttribute(this.node, "data-drawn-effect", effectImage === null ? effect : "clear");
    setAttribute(this.node, "data-rests", restOf(instance));
    setText(this.#title, instance.title ?? "");
    const { missing } = instance;
    setAttribute(this.node, "data-missing", missing?.why ?? null);
    setText(this.#name, missing === null ? "" : instance.title || missing.widget);
    setAttribute(this.#missing, "data-why", missing === null ? null : text(`missing.${missing.why}`));
    this.#setFont(instance.font);
  }

  // Most updates are pictures: what hasn't changed costs nothing.
  #setFont(font) {
    const wanted = JSON.stringify(font ?? {});
    if (wanted === this.#font) return;
    this.#font = wanted;
    const style = this.#title.style;
    const size = Number(font?.size);
    style.setProperty("--title-size", Number.isFinite(size) ? Math.min(Math.max(size, 6), 18) : 11);
    // Only what a name may hold: the value goes into a style.
    const family = String(font?.family ?? "").replace(/[^\p{L}\p{N} _-]/gu, "");
    style.fontFamily = family === "" ? "" : `"${family}", ${FALLBACK_FONT}`;
    style.color = /^#[0-9a-f]{6}$/i.test(font?.color ?? "") ? font.color : "";
    style.textAlign = PLACES[font?.hAlignment] ?? "";
    style.fontWeight = font ? (font.bold ? "700" : "400") : "";
    style.fontStyle = font?.italic ? "italic" : "";
    style.textDecoration = font?.underLine ? "underline" : "";
  }
}

/** One of a face's pictures. `standIn` is shown for one that can't be drawn; without it the last good one stays. */
class Layer {
  #standIn;
  #shown = null;
  #wanted = null;
  #loading = false;

  constructor(className, standIn = null) {
    this.#standIn = standIn;
    this.node = element("img", { className, alt: "", draggable: false });
  }

  get source() {
    return this.node.getAttribute("src");
  }

  // A new picture is decoded aside and then takes the old one's place, so that nothing blinks. While one is being
  // decoded, only the latest of those that arrive is kept.
  async show(source) {
    this.#wanted = source;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#wanted !== this.#shown) {
      const next = this.#wanted;
      this.#shown = next;
      const picture = element("img", { className: this.node.className, alt: "", draggable: false });
      if (next !== null) {
        picture.src = next;
        try {
          await picture.decode();
        } catch {
          if (this.#standIn === null) continue;
          picture.src = this.#standIn;
        }
      }
      this.node.replaceWith(picture);
      this.node = picture;
    }
    this.#loading = false;
  }
}
