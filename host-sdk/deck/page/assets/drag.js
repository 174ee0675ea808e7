// Dragging with the pointer: widgets from the list to the Panel, and keys on the Panel. Uses pointer events instead of the
// browser's drag and drop, so that the same code serves mouse, touch, pen and WebDriver, and the distance that the pointer moved
// distinguishes a press from a drag.

import { element } from "./dom.js";

/** How far the pointer moves, in CSS pixels, before a press becomes a drag. A pressing finger rolls a little. */
const TOUCH_THRESHOLD = 12;
const THRESHOLD = 6;

/** How close to the window's upper or lower edge, in CSS pixels, dragging scrolls the page. */
const SCROLL_MARGIN = 48;

/** The drop target, which the Panel sets. See `setDropTarget`. */
let target = null;

/**
 * Sets the drop target. `cellAt(x, y)` returns {area, column, row} or null; `fits(span, context)` returns whether a span is
 * free; `mark(span, fits)` shows where the dragged item would land, `unmark()` hides that; `sizeOf(width, height)` returns a
 * span's size on the screen; `areas` contains the columns and rows of the areas.
 */
export function setDropTarget(dropTarget) {
  target = dropTarget;
}

/**
 * Makes `node` draggable. `payload(event)` is called when a drag starts. It returns null if nothing can be dragged, otherwise
 * what is dragged: `{width, height}` in cells, `image`, `context` (of the moved instance, or null), `grabbed` (the cell of the
 * item under the pointer), `drop(place)`, which is called with an {area, column, row} where it fits, and, if it can also be
 * dropped on elements with `data-zone`, `dropOn(zone, event)`.
 * `press`, if given, receives presses: `down(event)`, then `up(event)` or `cancel()`; `isMenu()` returns whether the element has
 * a context menu.
 */
export function makeDraggable(node, { payload, press }) {
  node.addEventListener("pointerdown", (event) => {
    // Several fingers may press several keys at once.
    if (event.button !== 0 || (!event.isPrimary && event.pointerType !== "touch")) return;
    new Gesture(node, event, payload, press);
  });
  // A long touch would open the browser's menu during a press.
  node.addEventListener("contextmenu", (event) => {
    if (event.pointerType === "touch") event.preventDefault();
  });
}

/** One pointer, from pointerdown to pointerup. */
class Gesture {
  #payload = null;
  #ghost = null;
  #place = null;
  /** The element with `data-zone` under the pointer. */
  #zone = null;
  #listening = new AbortController();
  /** The latest event of the drag, and the animation frame that scrolls next. */
  #latest = null;
  #frame = null;

  constructor(node, event, payload, press) {
    this.node = node;
    this.start = event;
    this.getPayload = payload;
    this.press = press;
    press?.down(event);
    node.setPointerCapture(event.pointerId);
    const signal = this.#listening.signal;
    const forPointer = (handle) => (later) => later.pointerId === event.pointerId && handle(later);
    node.addEventListener("pointermove", forPointer((later) => this.#onMove(later)), { signal });
    node.addEventListener("pointerup", forPointer((later) => this.#onRelease(later)), { signal });
    node.addEventListener("pointercancel", forPointer(() => this.#cancel()), { signal });
    node.addEventListener("lostpointercapture", forPointer(() => this.#cancel()), { signal });
    // An opening menu takes over the pointer; without a menu, a long touch is a press.
    node.addEventListener("contextmenu", () => press === undefined || !press.isMenu() || this.#cancel(), { signal });
    // A page in the background receives no pointerup event.
    document.addEventListener("visibilitychange", () => this.#cancel(), { signal });
    window.addEventListener(
      "keydown",
      (key) => {
        if (key.key !== "Escape") return;
        key.preventDefault();
        this.#cancel();
      },
      { signal, capture: true },
    );
  }

  #onMove(event) {
    // The button was released without an event for this page.
    if (event.buttons === 0) {
      this.#cancel();
      return;
    }
    if (this.#payload === null) {
      const distance = Math.hypot(event.clientX - this.start.clientX, event.clientY - this.start.clientY);
      if (distance <= (this.start.pointerType === "touch" ? TOUCH_THRESHOLD : THRESHOLD)) return;
      this.press?.cancel();
      this.press = null;
      // Only one item is dragged at a time, because there is only one mark for where it would land.
      this.#payload = "dragging" in document.documentElement.dataset ? null : this.getPayload(this.start);
      if (this.#payload === null || target === null) {
        this.#finish();
        return;
      }
      this.#createGhost();
    }
    this.#follow(event);
    this.#latest = event;
    this.#frame ??= requestAnimationFrame(() => this.#scroll());
  }

  // Scrolls while the pointer is near an edge, because the device may be outside of the window.
  #scroll() {
    this.#frame = null;
    if (this.#ghost === null) return;
    const y = this.#latest.clientY;
    const overshoot = Math.min(y - SCROLL_MARGIN, 0) + Math.max(y - (innerHeight - SCROLL_MARGIN), 0);
    const previousY = scrollY;
    scrollBy(0, overshoot / 4);
    if (scrollY === previousY) return;
    this.#follow(this.#latest);
    this.#frame = requestAnimationFrame(() => this.#scroll());
  }

  #createGhost() {
    const { width, height, image } = this.#payload;
    const size = target.sizeOf(width, height);
    this.#ghost = element("div", { className: "drag-ghost" });
    if (image) this.#ghost.append(element("img", { src: image, alt: "" }));
    this.#ghost.style.width = `${size.width}px`;
    this.#ghost.style.height = `${size.height}px`;
    document.body.append(this.#ghost);
    document.documentElement.dataset.dragging = this.#payload.context === null ? "new" : "move";
    this.node.dataset.dragged = "";
  }

  #follow(event) {
    const { width, height, grabbed, context } = this.#payload;
    const size = target.sizeOf(width, height);
    const x = event.clientX - (size.width * (grabbed.column + 0.5)) / width;
    const y = event.clientY - (size.height * (grabbed.row + 0.5)) / height;
    this.#ghost.style.transform = `translate(${x}px, ${y}px)`;

    this.#enter(this.#payload.dropOn ? document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-zone]") : null);
    const cell = target.cellAt(event.clientX, event.clientY);
    this.#place = null;
    if (cell === null) {
      target.unmark();
      return;
    }
    // Near an edge, the item is kept completely on the Panel.
    const { columns, rows } = target.areas[cell.area];
    const span = {
      area: cell.area,
      column: Math.max(Math.min(Math.max(cell.column - grabbed.column, 0), columns - width), 0),
      row: Math.max(Math.min(Math.max(cell.row - grabbed.row, 0), rows - height), 0),
      width,
      height,
    };
    const fits = target.fits(span, context);
    if (fits) this.#place = span;
    target.mark(span, fits);
  }

  #enter(zone) {
    if (this.#zone === (zone ?? null)) return;
    if (this.#zone !== null) delete this.#zone.dataset.over;
    this.#zone = zone ?? null;
    if (this.#zone !== null) this.#zone.dataset.over = "";
  }

  #onRelease(event) {
    if (this.#payload !== null) {
      this.#follow(event);
      const place = this.#place;
      const zone = this.#zone;
      const payload = this.#payload;
      this.#finish();
      if (place !== null) payload.drop(place);
      else if (zone !== null) payload.dropOn(zone, event);
      return;
    }
    const box = this.node.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    const press = this.press;
    this.press = null;
    this.#finish();
    if (inside) press?.up(event);
    else press?.cancel();
  }

  #cancel() {
    this.press?.cancel();
    this.press = null;
    this.#finish();
  }

  #finish() {
    if (this.#listening.signal.aborted) return;
    this.#listening.abort();
    cancelAnimationFrame(this.#frame);
    if (this.#ghost === null) return;
    this.#ghost.remove();
    this.#ghost = null;
    this.#enter(null);
    target.unmark();
    delete document.documentElement.dataset.dragging;
    delete this.node.dataset.dragged;
  }
}
