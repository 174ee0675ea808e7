// What one key shows: the package's image, the title that the host draws over it, and the action effect. Used by the
// Panel and by the small preview beside the property view.

import { element, setAttribute, setText } from "./dom.js";

const FALLBACK_FONT = '"Segoe UI", "Helvetica Neue", Arial, "Noto Sans", sans-serif';
const PLACES = { left: "left", center: "center", right: "right" };

/** Makes the picture of an instance; `node` is the element, `update` draws what has changed. */
export class Face {
  #picture = element("img", { className: "face-image", alt: "", draggable: false });
  #title = element("span", { className: "face-title" });
  #shown = null;
  #wanted = null;
  #loading = false;
  #font = null;

  constructor() {
    const content = element("span", { className: "face-content" }, this.#picture, this.#title);
    const mark = element("span", { className: "face-mark", "aria-hidden": "true" }, "!");
    this.node = element("span", { className: "face" }, content, mark);
  }

  /** Shows `instance`; `widget` (or null) lends its icon while there is no image. */
  update(instance, widget) {
    const effect = instance.effect ?? "clear";
    const image = (effect === "clear" ? null : instance.effectImage) ?? instance.image ?? widget?.icon ?? null;
    this.#show(image);
    setAttribute(this.node, "data-effect", effect);
    setAttribute(this.node, "data-stand-in", instance.image ? null : "");
    setText(this.#title, instance.title ?? "");
    this.#setFont(instance.font);
  }

  // A new picture is decoded aside and then takes the old one's place, so that nothing blinks. While one is being
  // decoded, only the latest of those that arrive is kept.
  async #show(source) {
    this.#wanted = source;
    if (this.#loading) return;
    this.#loading = true;
    while (this.#wanted !== this.#shown) {
      const next = this.#wanted;
      this.#shown = next;
      const picture = element("img", { className: "face-image", alt: "", draggable: false });
      if (next !== null) {
        picture.src = next;
        try {
          await picture.decode();
        } catch {
          // A picture that cannot be drawn leaves the last good one on the key.
          continue;
        }
      }
      this.#picture.replaceWith(picture);
      this.#picture = picture;
    }
    this.#loading = false;
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
