// The face of a key, in layers from bottom to top: the picture of its state, the title drawn by the host, the package's image,
// and the action effect. Used by the Panel and by the small preview next to the property view.

import { element, icon, setAttribute, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";

const FALLBACK_FONT = '"Segoe UI", "Helvetica Neue", Arial, "Noto Sans", sans-serif';
const TEXT_ALIGN = { left: "left", center: "center", right: "right" };
/** Shown in place of a picture that can't be loaded. */
export const NO_PICTURE = "/assets/no-picture.svg";
/** The package states in which its keys do nothing until the user acts. */
const INACTIVE = ["failed", "stopped"];

/** Returns the state of an instance's package if its keys do nothing in it, otherwise null. */
export function inactiveStatus(instance) {
  const status = store.package(instance.package)?.status;
  return INACTIVE.includes(status) ? status : null;
}

/** The face of an instance: `node` is its element, `update` applies changes. */
export class Face {
  #icon = new Layer("face-icon", NO_PICTURE);
  #title = element("span", { className: "face-title" });
  #image = new Layer("face-image");
  #effect = new Layer("face-effect");
  #name = element("span", { className: "face-missing-name" });
  // The reason is added by the style sheet, because the key's label already contains both.
  #missing = element("span", { className: "face-missing", "aria-hidden": "true" }, icon("package"), this.#name);
  #font = null;

  constructor() {
    const content = element("span", { className: "face-content" }, this.#icon.node, this.#title, this.#image.node);
    const mark = element("span", { className: "face-mark", "aria-hidden": "true" }, "!");
    this.node = element("span", { className: "face" }, content, mark, this.#effect.node, this.#missing);
  }

  /** The address of the visible picture, or null. */
  get source() {
    return this.#image.source ?? this.#icon.source;
  }

  /** Shows `instance`; the icon of `widget` (or null) is used while its state has none. */
  update(instance, widget) {
    const effect = instance.effect ?? "clear";
    const effectImage = effect === "clear" ? null : (instance.effectImage ?? null);
    this.#icon.show(instance.icon ?? widget?.icon ?? null);
    this.#image.show(instance.image ?? null);
    this.#effect.show(effectImage);
    setAttribute(this.node, "data-effect", effect);
    // An effect picture of the package replaces the host's drawing of the effect.
    setAttribute(this.node, "data-drawn-effect", effectImage === null ? effect : "clear");
    setAttribute(this.node, "data-inactive", inactiveStatus(instance));
    setText(this.#title, instance.title ?? "");
    const { missing } = instance;
    setAttribute(this.node, "data-missing", missing?.why ?? null);
    setText(this.#name, missing === null ? "" : instance.title || missing.widget);
    setAttribute(this.#missing, "data-why", missing === null ? null : text(`missing.${missing.why}`));
    this.#setFont(instance.font);
  }

  // Most updates change only pictures, so an unchanged font is skipped.
  #setFont(font) {
    const wanted = JSON.stringify(font ?? {});
    if (wanted === this.#font) return;
    this.#font = wanted;
    const style = this.#title.style;
    const size = Number(font?.size);
    style.setProperty("--title-size", Number.isFinite(size) ? Math.min(Math.max(size, 6), 18) : 11);
    // The value goes into a style, so only characters of font names are allowed.
    const family = String(font?.family ?? "").replace(/[^\p{L}\p{N} _-]/gu, "");
    style.fontFamily = family === "" ? "" : `"${family}", ${FALLBACK_FONT}`;
    style.color = /^#[0-9a-f]{6}$/i.test(font?.color ?? "") ? font.color : "";
    style.textAlign = TEXT_ALIGN[font?.hAlignment] ?? "";
    style.fontWeight = font ? (font.bold ? "700" : "400") : "";
    style.fontStyle = font?.italic ? "italic" : "";
    style.textDecoration = font?.underLine ? "underline" : "";
  }
}

/** A picture layer of a face. `fallback` replaces a picture that can't be loaded; without it the last good one stays. */
class Layer {
  #fallback;
  #shown = null;
  #wanted = null;
  #loading = false;

  constructor(className, fallback = null) {
    this.#fallback = fallback;
    this.node = element("img", { className, alt: "", draggable: false });
  }

  get source() {
    return this.node.getAttribute("src");
  }

  // Decodes a new picture before it replaces the old one, so that nothing flickers. Of the pictures that arrive during
  // decoding, only the last one is kept.
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
          if (this.#fallback === null) continue;
          picture.src = this.#fallback;
        }
      }
      this.node.replaceWith(picture);
      this.node = picture;
    }
    this.#loading = false;
  }
}
