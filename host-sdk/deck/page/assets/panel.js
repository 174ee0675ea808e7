// The device: the grid of places and the function keys beside it, the keys on them, what clicks on them do in either mode,
// moving, and the keyboard's way through it.

import { cancelCut, missingExplanation, move, nameOf, placeText, press, remove, turnPage } from "./actions.js";
import { element, setAttribute, setText } from "./dom.js";
import { makeDraggable, setDropTarget } from "./drag.js";
import { Face, restOf } from "./face.js";
import { onShortcut, showDropMenu, showKeyMenu, showPlaceMenu } from "./key-menu.js";
import { notePress } from "./links.js";
import { isEditing } from "./mode.js";
import { accept, offeredName } from "./offer.js";
import { chooseFile } from "./packages.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showNotice } from "./toast.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** How soon a second click has to follow to be a double one. */
const DOUBLE_CLICK_MS = 500;

const hint = document.getElementById("panel-hint");
const offerHint = document.getElementById("offer-hint");
const keys = new Map();
/** The key that the keyboard has picked up: `{context, span}` with the place where it would land; or null. */
let held = null;

/** An area of the device: its places, and the mark that shows where something would land. */
class Surface {
  rows = [];
  cells = [];
  mark = element("div", { className: "drop-mark", hidden: true, "aria-hidden": "true" });
  /** The place that the Tab key reaches; arrows move it. */
  current = { column: 0, row: 0 };

  constructor(area, id) {
    this.area = area;
    this.node = document.getElementById(id);
    this.node.addEventListener("keydown", onKeyDown);
    this.node.addEventListener("focusin", (event) => {
      const place = event.target.closest("[data-column]");
      if (place === null) return;
      this.current = { column: Number(place.dataset.column), row: Number(place.dataset.row) };
      this.setTabStop();
    });
    this.node.addEventListener("contextmenu", onContextMenu);
    // A click beside the keys selects none of them.
    this.node.addEventListener("pointerdown", (event) => {
      const cell = event.target.closest(".cell");
      if (cell === null || event.button !== 0 || !isEditing()) return;
      cell.focus({ focusVisible: false });
      // The browser would take the focus from what is put here.
      event.preventDefault();
      if (!accept(placeOf(cell))) store.select(null);
    });
    this.node.addEventListener("pointermove", (event) => {
      const cell = event.target.closest(".cell");
      if (store.offered === null || cell === null) return;
      const span = { ...placeOf(cell), ...store.offered };
      if (store.fits(span)) mark(span, true);
      else unmark();
    });
    this.node.addEventListener("pointerleave", () => store.offered === null || unmark());
  }

  get size() {
    return store.areas[this.area];
  }

  // The places are made once the size is known, and again only should it change. Returns whether they were made.
  build() {
    const { columns, rows: count } = this.size;
    if (this.rows.length === count && this.cells.length === columns * count) return false;
    this.rows = [];
    this.cells = [];
    setAttribute(this.node, "aria-colcount", columns);
    setAttribute(this.node, "aria-rowcount", count);
    this.node.style.setProperty("--columns", columns);
    this.node.style.setProperty("--rows", count);
    for (let row = 0; row < count; row += 1) {
      const line = element("div", { role: "row", className: "panel-row", "aria-rowindex": row + 1 });
      for (let column = 0; column < columns; column += 1) {
        const cell = element("div", {
          role: "gridcell",
          className: "cell",
          tabIndex: -1,
          "data-area": this.area,
          "data-column": column,
          "data-row": row,
          "aria-colindex": column + 1,
          "aria-label": text("emptyCell", { place: placeLabel({ area: this.area, column, row }) }),
        });
        put(cell, { column, row, width: 1, height: 1 });
        this.cells.push(cell);
        line.append(cell);
      }
      this.rows.push(line);
    }
    this.node.replaceChildren(...this.rows, this.mark);
    return true;
  }

  // Places under a key are there to be dropped on, but not to be read or reached.
  arrange() {
    for (const cell of this.cells) {
      const taken = store.at(this.area, Number(cell.dataset.column), Number(cell.dataset.row)) !== null;
      const focused = taken && document.activeElement === cell;
      setAttribute(cell, "aria-hidden", taken ? "true" : null);
      cell.toggleAttribute("data-taken", taken);
      // Who has undone a removal finds the key where it was.
      if (focused) focusPlace({ area: this.area, column: Number(cell.dataset.column), row: Number(cell.dataset.row) });
    }
    this.markFree();
    this.setTabStop();
  }

  // Where what is offered can be put.
  markFree() {
    for (const cell of this.cells) {
      const span = store.offered && { ...placeOf(cell), ...store.offered };
      cell.toggleAttribute("data-free", span !== null && store.fits(span));
    }
  }

  setTabStop() {
    const stop = this.elementAt(this.current.column, this.current.row);
    const mine = [...keys.values()].filter((key) => key.instance.area === this.area).map((key) => key.node);
    for (const place of [...this.cells, ...mine]) {
      const wanted = place === stop ? 0 : -1;
      if (place.tabIndex !== wanted) place.tabIndex = wanted;
    }
  }

  elementAt(column, row) {
    const instance = store.at(this.area, column, row);
    return (instance && keys.get(instance.context)?.node) ?? this.cells[row * this.size.columns + column] ?? null;
  }

  cellAt(x, y) {
    const first = this.cells[0].getBoundingClientRect();
    const last = this.cells.at(-1).getBoundingClientRect();
    const { columns, rows } = this.size;
    const column = Math.floor(((x - first.left) / (last.right - first.left)) * columns);
    const row = Math.floor(((y - first.top) / (last.bottom - first.top)) * rows);
    const inside = column >= 0 && row >= 0 && column < columns && row < rows;
    return inside ? { area: this.area, column, row } : null;
  }
}

const surfaces = { grid: new Surface("grid", "panel"), keys: new Surface("keys", "function-keys") };

/** Brings the device to life; it draws itself from the store from here on. */
export function startPanel() {
  store.on("instance", (instance) => {
    build();
    show(instance);
  });
  store.on("instanceRemoved", discard);
  store.on("packages", () => {
    build();
    for (const instance of store.instances.values()) show(instance);
    arrange();
  });
  document.getElementById("skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    const { column, row } = surfaces.grid.current;
    // While the device sleeps there is only this.
    const wakeUp = document.querySelector("#wake-up:not([hidden])");
    (wakeUp ?? surfaces.grid.elementAt(column, row))?.focus();
  });
  store.on("selected", () => {
    for (const key of keys.values()) key.markSelected();
  });
  store.on("offered", () => {
    for (const surface of Object.values(surfaces)) surface.markFree();
    unmark();
    arrange();
  });
  store.on("pointed", focusPlace);
  store.on("deck", () => {
    for (const key of keys.values()) key.markCut();
  });
  store.on("mode", () => {
    if (held !== null) letGo();
    for (const key of keys.values()) key.changeMode();
    arrange();
  });
  setDropTarget({
    get areas() {
      return store.areas;
    },
    cellAt: (x, y) => surfaces.grid.cellAt(x, y) ?? surfaces.keys.cellAt(x, y),
    sizeOf,
    fits: (span, context) => store.fits(span, context),
    mark,
    unmark,
  });
}

function build() {
  const made = Object.values(surfaces).filter((surface) => surface.build());
  if (made.length === 0) return;
  keys.clear();
  for (const instance of store.instances.values()) show(instance);
}

function show(instance) {
  // What is in the list of a multi-action key lies on no place.
  if (instance.parent !== null) return;
  let key = keys.get(instance.context);
  if (key === undefined) {
    key = new Key(instance);
    keys.set(instance.context, key);
  }
  if (key.update(instance)) arrange();
}

function discard(instance) {
  if (held?.context === instance.context) letGo();
  const key = keys.get(instance.context);
  if (key === undefined) return;
  const focused = key.node.contains(document.activeElement);
  keys.delete(instance.context);
  key.node.remove();
  arrange();
  if (focused) focusPlace(instance);
}

function arrange() {
  for (const surface of Object.values(surfaces)) surface.arrange();
  hint.hidden = !store.loaded || store.instances.size > 0 || store.offered !== null;
  const empty = isEditing() ? "emptyPanel" : "emptyPanelInUse";
  setText(hint, text(store.packages.length === 0 ? "emptyPanelNoPackage" : empty));
  offerHint.hidden = store.offered === null;
  if (store.offered !== null) setText(offerHint, text("offerHint", { name: offeredName() }));
}

function mark(span, fits) {
  unmark();
  const node = surfaces[span.area].mark;
  // Something too large for the area is shown on the places that there are.
  const { columns, rows } = store.areas[span.area];
  put(node, { ...span, width: Math.min(span.width, columns), height: Math.min(span.height, rows) });
  node.dataset.fits = fits;
  node.hidden = false;
}

function unmark() {
  for (const surface of Object.values(surfaces)) surface.mark.hidden = true;
}

/** One instance on the Panel. */
class Key {
  #face = new Face();
  #pressed = false;
  #byKeyboard = false;
  /** What says that there is nothing to press. */
  #notice = null;
  /** When it was clicked last, in Edit. */
  #clicked = -Infinity;

  constructor(instance) {
    this.context = instance.context;
    this.node = element(
      "div",
      { role: "gridcell", className: "key", tabIndex: -1, "data-context": instance.context },
      this.#face.node,
    );
    makeDraggable(this.node, {
      press: {
        down: () => {
          this.node.focus({ focusVisible: false });
          if (isEditing()) store.select(this.context);
          else this.#press("down");
        },
        up: (event) => {
          if (isEditing()) this.#onClick(event.timeStamp);
          else this.#press("up");
        },
        cancel: () => this.#press("cancel"),
        isMenu: isEditing,
      },
      cargo: (event) => this.#cargo(event),
    });
    // It has the focus since the pointer went down. After a touch the browser would take it back from what two taps have opened.
    this.node.addEventListener("mousedown", (event) => event.preventDefault());
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      // With a key in the hand, this puts it down.
      if (event.repeat || held !== null || this.#pressed) return;
      if (isEditing()) {
        store.select(this.context);
        if (event.key === "Enter") store.open(this.context);
        return;
      }
      this.#press("down");
      this.#byKeyboard = true;
    });
    this.node.addEventListener("keyup", (event) => {
      if ((event.key !== "Enter" && event.key !== " ") || !this.#byKeyboard) return;
      this.#press("up");
    });
    // Without the focus no keyup would come. A press of the pointer goes on.
    this.node.addEventListener("blur", () => {
      if (this.#byKeyboard) this.#press("cancel");
    });
  }

  /** Draws the instance; answers whether its place has changed. */
  update(instance) {
    const widget = store.widgetOf(instance);
    const before = this.instance;
    this.instance = instance;
    this.#face.update(instance, widget);
    const state = instance.description ?? (instance.states > 1 ? stateText(instance) : null);
    const parts = [nameOf(instance), state, instance.title, instance.effect === "invalid" ? text("invalidKey") : null, missingText(instance), restText(instance)];
    const what = parts.filter(Boolean).join(", ");
    setAttribute(this.node, "aria-label", text("keyLabel", { place: placeLabel(instance), what }));
    setAttribute(this.node, "data-widget-uuid", instance.widget);
    this.markSelected();
    this.markCut();
    const same = ["area", "column", "row", "width", "height"].every((side) => before?.[side] === instance[side]);
    if (same) return false;
    put(this.node, instance);
    this.node.dataset.area = instance.area;
    this.node.dataset.column = instance.column;
    this.node.dataset.row = instance.row;
    setAttribute(this.node, "aria-colindex", instance.column + 1);
    setAttribute(this.node, "aria-colspan", instance.width);
    setAttribute(this.node, "aria-rowspan", instance.height);
    this.#enter(surfaces[instance.area].rows[instance.row]);
    return true;
  }

  markSelected() {
    setAttribute(this.node, "aria-selected", isEditing() ? isSelected(this.context) : null);
  }

  markCut() {
    const { clipboard } = store.deck;
    this.node.toggleAttribute("data-cut", clipboard !== null && clipboard.cut && clipboard.context === this.context);
  }

  /** What is held down when the mode changes is let go. */
  changeMode() {
    this.#press("cancel");
    this.markSelected();
  }

  // Two clicks open the settings, by a finger too: browsers make no double click of touches that could be drags.
  #onClick(time) {
    const isSecond = time - this.#clicked < DOUBLE_CLICK_MS;
    this.#clicked = isSecond ? -Infinity : time;
    if (isSecond) store.open(this.context);
  }

  // Within a row, keys stand in the order of their columns, before the bare places, for those who read the page aloud.
  #enter(row) {
    const later = [...row.children].find(
      (other) => other !== this.node && Number(other.dataset.column) >= this.instance.column,
    );
    const focused = document.activeElement === this.node;
    row.insertBefore(this.node, later ?? null);
    if (focused) this.node.focus();
  }

  #press(phase) {
    if ((phase === "down") === this.#pressed) return;
    if (phase === "down" && this.instance.missing !== null) {
      this.#refuse();
      return;
    }
    this.#pressed = phase === "down";
    this.#byKeyboard = false;
    this.node.toggleAttribute("data-pressed", this.#pressed);
    // A press may open a page when it goes down and when it comes up.
    if (phase !== "cancel") notePress(this.instance.package, this.#pressed);
    press(this.context, phase);
  }

  // There is nothing to press. Said once, however often it is tried.
  #refuse() {
    const words = missingExplanation(this.instance);
    announce(words);
    if (this.#notice?.isConnected) return;
    this.#notice = showNotice(words, { words: text("importThePackage"), act: chooseFile }).node;
  }

  #cargo(event) {
    if (!isEditing()) return null;
    const instance = this.instance;
    const box = this.node.getBoundingClientRect();
    const part = (offset, whole, count) => Math.min(Math.max(Math.floor((offset / whole) * count), 0), count - 1);
    return {
      width: instance.width,
      height: instance.height,
      context: this.context,
      image: this.#face.source,
      grabbed: {
        column: part(event.clientX - box.left, box.width, instance.width),
        row: part(event.clientY - box.top, box.height, instance.height),
      },
      drop: (place) => move(this.context, place),
      dropOn: ({ dataset }, { clientX: x, clientY: y }) => {
        const to = dataset.profile === undefined ? { page: Number(dataset.page) } : { profile: dataset.profile };
        // Not before the pointer's event is over: that would close it again.
        setTimeout(() => showDropMenu(this.instance, to, this.node, { x, y }));
      },
    };
  }
}

// With something in its list, a multi-action key is selected, too.
const isSelected = (context) => store.selected === context || store.instances.get(store.selected)?.parent === context;

/** A place at the start of a label. */
function placeLabel(place) {
  const words = placeText(place);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const missingText = ({ missing }) => (missing === null ? null : text(`missing.${missing.why}`));
const restText = (instance) => (restOf(instance) === null ? null : text(`keyRests.${restOf(instance)}`));
const stateText = ({ state, states }) => text("stateOf", { number: state + 1, count: states });

function put(node, { column, row, width, height }) {
  node.style.gridColumn = `${column + 1} / span ${width}`;
  node.style.gridRow = `${row + 1} / span ${height}`;
}

/** Gives the focus to what lies at {area, column, row}: a key, or the bare place. */
export function focusPlace({ area, column, row }) {
  surfaces[area].elementAt(column, row)?.focus();
}

function onContextMenu(event) {
  const node = event.target.closest("[data-column]");
  if (node === null) return;
  event.preventDefault();
  const instance = store.instances.get(node.dataset.context) ?? null;
  if (held !== null || !isEditing()) return;
  // Where the keyboard has asked for it, the pointer may be anywhere.
  const { left, right, top, bottom } = node.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  const at = x > left && x < right && y > top && y < bottom ? { x, y } : node;
  node.focus({ focusVisible: false });
  if (instance === null) {
    const place = placeOf(node);
    showPlaceMenu(place, placeLabel(place), node, at, []);
  } else {
    store.select(instance.context);
    showKeyMenu(instance, node, at);
  }
}

const placeOf = ({ dataset }) => ({ area: dataset.area, column: Number(dataset.column), row: Number(dataset.row) });

function onKeyDown(event) {
  const place = event.target.closest("[data-column]");
  if (place === null) return;
  const instance = store.instances.get(place.dataset.context) ?? null;
  if (held === null && onShortcut(event, instance, placeOf(place))) return;
  if (event.ctrlKey || event.metaKey) return;
  if (held !== null) {
    whileHeld(event);
    return;
  }
  if (event.key === "Escape" && isEditing()) {
    cancelCut();
    return;
  }
  if ((event.key === "Enter" || event.key === " ") && instance === null && accept(placeOf(place))) {
    event.preventDefault();
    return;
  }
  if (event.key === "PageUp" || event.key === "PageDown") {
    event.preventDefault();
    turnPage(event.key === "PageUp" ? -1 : 1);
    return;
  }
  if (isEditing() && instance !== null && (event.key === "Delete" || event.key === "Backspace")) {
    event.preventDefault();
    remove(instance.context);
    return;
  }
  if (isEditing() && instance !== null && event.key.toLowerCase() === "m" && !event.altKey) {
    event.preventDefault();
    const { area, column, row, width, height } = instance;
    held = { context: instance.context, span: { area, column, row, width, height } };
    keys.get(instance.context).node.dataset.dragged = "";
    mark(held.span, true);
    announce(text("pickedUp", { name: nameOf(instance) }));
    return;
  }
  if (!event.altKey && (event.key === "Home" || event.key === "End")) {
    event.preventDefault();
    const { columns } = store.areas[place.dataset.area];
    const column = event.key === "Home" ? 0 : columns - 1;
    focusPlace({ area: place.dataset.area, column, row: surfaces[place.dataset.area].current.row });
    return;
  }
  const step = ARROWS[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const [right, down] = step;
  if (event.altKey) {
    if (instance === null || !isEditing()) return;
    const span = { ...instance, column: instance.column + right, row: instance.row + down };
    if (store.fits(span, instance.context)) move(instance.context, span);
    return;
  }
  const area = place.dataset.area;
  // From a wide key one step leads to the place beyond it, not to another of its own.
  let { column, row } = surfaces[area].current;
  if (instance !== null) {
    if (right > 0) column = instance.column + instance.width - 1;
    if (right < 0) column = instance.column;
    if (down > 0) row = instance.row + instance.height - 1;
    if (down < 0) row = instance.row;
  }
  const next = stepped({ area, column, row, width: 1, height: 1 }, right, down);
  if (next !== null) focusPlace(next);
}

// A span one step further. Beyond the grid's right edge lie the function keys. Null where there is nothing.
function stepped(span, right, down) {
  const next = { ...span, column: span.column + right, row: span.row + down };
  const { columns, rows } = store.areas[span.area];
  const inside =
    next.column >= 0 && next.row >= 0 && next.column + span.width <= columns && next.row + span.height <= rows;
  if (inside) return next;
  const small = span.width === 1 && span.height === 1;
  if (small && span.area === "grid" && next.column >= columns) {
    return { ...span, area: "keys", column: 0, row: Math.min(span.row, store.areas.keys.rows - 1) };
  }
  if (span.area === "keys" && next.column < 0) return { ...span, area: "grid", column: store.areas.grid.columns - 1 };
  return null;
}

// The keyboard's way to drag: arrows carry the key, Enter or Space puts it down, Escape leaves it where it was.
function whileHeld(event) {
  const step = ARROWS[event.key];
  if (event.key === "Tab") {
    letGo();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  if (step !== undefined) {
    const next = stepped(held.span, ...step);
    if (next === null) return;
    held.span = next;
    const fits = store.fits(next, held.context);
    mark(next, fits);
    announce(text(fits ? "heldOver" : "heldOverTaken", { place: placeText(next) }));
  } else if (event.key === "Enter" || event.key === " ") {
    const { context, span } = held;
    if (!store.fits(span, context)) {
      announce(text("heldOverTaken", { place: placeText(span) }));
      return;
    }
    letGo();
    move(context, span);
  } else if (event.key === "Escape") {
    letGo();
    announce(text("putBack"));
  }
}

function letGo() {
  const key = keys.get(held.context);
  if (key !== undefined) delete key.node.dataset.dragged;
  held = null;
  unmark();
}

function sizeOf(width, height) {
  const { cells, size } = surfaces.grid;
  const first = cells[0].getBoundingClientRect();
  const corner = cells[(height - 1) * size.columns + width - 1].getBoundingClientRect();
  return { width: corner.right - first.left, height: corner.bottom - first.top };
}
