// Dragging with the pointer: widgets from the list, keys about the Panel. Pointer events rather than the browser's own
// drag and drop, because the same code then serves mouse, touch, pen and WebDriver, and a key can tell a press from a
// drag by how far the pointer went.

import { element } from "./dom.js";

/** How far the pointer goes, in CSS pixels, before a press becomes a drag. A finger that only presses rolls a little. */
const THRESHOLDS = { touch: 12 };
const THRESHOLD = 6;

/** How near to an edge of the window, in CSS pixels, what is dragged makes a page scroll that is longer than its window. */
const EDGE = 48;

/** Where things can be dropped: the Panel registers itself here. See `setDropTarget`. */
let target = null;

/**
 * Names the drop target: `cellAt(x, y)` answers {area, column, row} or null; `fits(span, context)` whether a span is
 * free; `mark(span, fits)` shows where the thing would land, `unmark()` takes that off; `sizeOf(width, height)` is a
 * span's size on the screen, `areas` the columns and rows of the areas.
 */
export function setDropTarget(dropTarget) {
  target = dropTarget;
}

/**
 * Makes `node` draggable. `cargo(event)` is asked when a drag begins and answers what is dragged: `{width, height}` in
 * cells, `image`, `context` (of the instance that moves, or null), `grabbed` (the cell of the thing that the pointer
 * holds), `drop(place)`, called with an {area, column, row} where it fits, and `dropOn(zone, event)`, if it can also be dropped
 * on elements with `data-zone`; or null where nothing can be dragged now.
 * `press`, if given, hears of presses: `down(event)`, then `up(event)` or `cancel()`; `isMenu()` says whether a menu opens on it.
 */
export function makeDraggable(node, { cargo, press }) {
  node.addEventListener("pointerdown", (event) => {
    // Several fingers may press several keys at once.
    if (event.button !== 0 || (!event.isPrimary && event.pointerType !== "touch")) return;
    new Gesture(node, event, cargo, press);
  });
  // Long touches would open the browser's menu in the middle of a press.
  node.addEventListener("contextmenu", (event) => {
    if (event.pointerType === "touch") event.preventDefault();
  });
}

/** One pointer from down to up. */
class Gesture {
  #cargo = null;
  #ghost = null;
  #place = null;
  /** The element with `data-zone` that it is over. */
  #zone = null;
  #listening = new AbortController();
  /** The newest event of the drag, and the frame that it waits for to scroll. */
  #latest = null;
  #frame = null;

  constructor(node, event, cargo, press) {
    this.node = node;
    this.start = event;
    this.ask = cargo;
    this.press = press;
    press?.down(event);
    node.setPointerCapture(event.pointerId);
    const signal = this.#listening.signal;
    const mine = (handle) => (later) => later.pointerId === event.pointerId && handle(later);
    node.addEventListener("pointermove", mine((later) => this.#moved(later)), { signal });
    node.addEventListener("pointerup", mine((later) => this.#released(later)), { signal });
    node.addEventListener("pointercancel", mine(() => this.#abandon()), { signal });
    node.addEventListener("lostpointercapture", mine(() => this.#abandon()), { signal });
    // A menu that opens takes the pointer over; where there is none, a long touch is a press.
    node.addEventListener("contextmenu", () => press === undefined || !press.isMenu() || this.#abandon(), { signal });
    // Behind another tab nothing is heard of a pointer that is lifted.
    document.addEventListener("visibilitychange", () => this.#abandon(), { signal });
    window.addEventListener(
      "keydown",
      (key) => {
        if (key.key !== "Escape") return;
        key.preventDefault();
        this.#abandon();
      },
      { signal, capture: true },
    );
  }

  #moved(event) {
    // It was lifted where nobody told.
    if (event.buttons === 0) {
      this.#abandon();
      return;
    }
    if (this.#cargo === null) {
      const way = Math.hypot(event.clientX - this.start.clientX, event.clientY - this.start.clientY);
      if (way <= (THRESHOLDS[this.start.pointerType] ?? THRESHOLD)) return;
      this.press?.cancel();
      this.press = null;
      // One thing is dragged at a time: there is one mark for where it would land.
      this.#cargo = "dragging" in document.documentElement.dataset ? null : this.ask(this.start);
      if (this.#cargo === null || target === null) {
        this.#finish();
        return;
      }
      this.#lift();
    }
    this.#follow(event);
    this.#latest = event;
    this.#frame ??= requestAnimationFrame(() => this.#scroll());
  }

  // The device may lie beyond the window's edge.
  #scroll() {
    this.#frame = null;
    if (this.#ghost === null) return;
    const y = this.#latest.clientY;
    const beyond = Math.min(y - EDGE, 0) + Math.max(y - (innerHeight - EDGE), 0);
    const before = scrollY;
    scrollBy(0, beyond / 4);
    if (scrollY === before) return;
    this.#follow(this.#latest);
    this.#frame = requestAnimationFrame(() => this.#scroll());
  }

  #lift() {
    const { width, height, image } = this.#cargo;
    const size = target.sizeOf(width, height);
    this.#ghost = element("div", { className: "drag-ghost" });
    if (image) this.#ghost.append(element("img", { src: image, alt: "" }));
    this.#ghost.style.width = `${size.width}px`;
    this.#ghost.style.height = `${size.height}px`;
    document.body.append(this.#ghost);
    document.documentElement.dataset.dragging = this.#cargo.context === null ? "new" : "move";
    this.node.dataset.dragged = "";
  }

  #follow(event) {
    const { width, height, grabbed, context } = this.#cargo;
    const whole = target.sizeOf(width, height);
    const x = event.clientX - (whole.width * (grabbed.column + 0.5)) / width;
    const y = event.clientY - (whole.height * (grabbed.row + 0.5)) / height;
    this.#ghost.style.transform = `translate(${x}px, ${y}px)`;

    this.#enter(this.#cargo.dropOn ? document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-zone]") : null);
    const cell = target.cellAt(event.clientX, event.clientY);
    this.#place = null;
    if (cell === null) {
      target.unmark();
      return;
    }
    // At the Panel's edges the thing stays on the Panel: nobody means half a key.
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

  #released(event) {
    if (this.#cargo !== null) {
      this.#follow(event);
      const place = this.#place;
      const zone = this.#zone;
      const cargo = this.#cargo;
      this.#finish();
      if (place !== null) cargo.drop(place);
      else if (zone !== null) cargo.dropOn(zone, event);
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

  #abandon() {
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
