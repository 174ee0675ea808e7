// The device: the grid and the function keys next to it, and the keys on them. Handles clicks in both modes, moving keys, and
// keyboard navigation.

import { cancelCut, missingExplanation, move, nameOf, placeText, press, remove, turnPage } from "./actions.js";
import { element, setAttribute, setText } from "./dom.js";
import { makeDraggable, setDropTarget } from "./drag.js";
import { Face, inactiveStatus } from "./face.js";
import { onShortcut, showDropMenu, showKeyMenu, showPlaceMenu } from "./key-menu.js";
import { notePress } from "./links.js";
import { isEditing } from "./mode.js";
import { accept, offeredName } from "./offer.js";
import { chooseFile } from "./packages.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showNotice } from "./toast.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The longest time between the two clicks of a double click. */
const DOUBLE_CLICK_MS = 500;

const hint = document.getElementById("panel-hint");
const offerHint = document.getElementById("offer-hint");
const keys = new Map();
/** The key that is being moved with the keyboard: `{context, span}` with the place where it would land; or null. */
let carried = null;

/** An area of the device: its cells, and the mark that shows where a dragged key would land. */
class Surface {
  rows = [];
  cells = [];
  mark = element("div", { className: "drop-mark", hidden: true, "aria-hidden": "true" });
  /** The cell that the Tab key reaches; arrow keys move it. */
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
    // A click on a free place clears the selection.
    this.node.addEventListener("pointerdown", (event) => {
      const cell = event.target.closest(".cell");
      if (cell === null || event.button !== 0 || !isEditing()) return;
      cell.focus({ focusVisible: false });
      // Keep the browser from taking the focus from a key that is placed here.
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

  // Creates the cells unless they exist in the current size. Returns whether they were created.
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
        setGridPosition(cell, { column, row, width: 1, height: 1 });
        this.cells.push(cell);
        line.append(cell);
      }
      this.rows.push(line);
    }
    this.node.replaceChildren(...this.rows, this.mark);
    return true;
  }

  // Cells under a key stay drop targets, but are hidden from screen readers and the Tab key.
  updateCells() {
    for (const cell of this.cells) {
      const taken = store.instanceAt(this.area, Number(cell.dataset.column), Number(cell.dataset.row)) !== null;
      const focused = taken && document.activeElement === cell;
      setAttribute(cell, "aria-hidden", taken ? "true" : null);
      cell.toggleAttribute("data-taken", taken);
      // After an undone removal, the focus moves to the key that is back.
      if (focused) focusPlace({ area: this.area, column: Number(cell.dataset.column), row: Number(cell.dataset.row) });
    }
    this.markFree();
    this.setTabStop();
  }

  // Marks the cells where the offered widget fits.
  markFree() {
    for (const cell of this.cells) {
      const span = store.offered && { ...placeOf(cell), ...store.offered };
      cell.toggleAttribute("data-free", span !== null && store.fits(span));
    }
  }

  setTabStop() {
    const stop = this.elementAt(this.current.column, this.current.row);
    const areaKeys = [...keys.values()].filter((key) => key.instance.area === this.area).map((key) => key.node);
    for (const node of [...this.cells, ...areaKeys]) {
      const tabIndex = node === stop ? 0 : -1;
      if (node.tabIndex !== tabIndex) node.tabIndex = tabIndex;
    }
  }

  elementAt(column, row) {
    const instance = store.instanceAt(this.area, column, row);
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

/** Sets up the device, which follows the store from then on. */
export function startPanel() {
  store.on("instance", (instance) => {
    build();
    showInstance(instance);
  });
  store.on("instanceRemoved", removeKey);
  store.on("packages", () => {
    build();
    for (const instance of store.instances.values()) showInstance(instance);
    updateCells();
  });
  document.getElementById("skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    const { column, row } = surfaces.grid.current;
    // While the device sleeps, this is its only control.
    const wakeUp = document.querySelector("#wake-up:not([hidden])");
    (wakeUp ?? surfaces.grid.elementAt(column, row))?.focus();
  });
  store.on("selected", () => {
    for (const key of keys.values()) key.markSelected();
  });
  store.on("offered", () => {
    for (const surface of Object.values(surfaces)) surface.markFree();
    unmark();
    updateCells();
  });
  store.on("focusRequested", focusPlace);
  store.on("deck", () => {
    for (const key of keys.values()) key.markCut();
  });
  store.on("mode", () => {
    if (carried !== null) stopCarrying();
    for (const key of keys.values()) key.onModeChange();
    updateCells();
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
  const built = Object.values(surfaces).filter((surface) => surface.build());
  if (built.length === 0) return;
  keys.clear();
  for (const instance of store.instances.values()) showInstance(instance);
}

function showInstance(instance) {
  // An instance in the list of a multi-action key has no place on the Panel.
  if (instance.parent !== null) return;
  let key = keys.get(instance.context);
  if (key === undefined) {
    key = new Key(instance);
    keys.set(instance.context, key);
  }
  if (key.update(instance)) updateCells();
}

function removeKey(instance) {
  if (carried?.context === instance.context) stopCarrying();
  const key = keys.get(instance.context);
  if (key === undefined) return;
  const focused = key.node.contains(document.activeElement);
  keys.delete(instance.context);
  key.node.remove();
  updateCells();
  if (focused) focusPlace(instance);
}

function updateCells() {
  for (const surface of Object.values(surfaces)) surface.updateCells();
  hint.hidden = !store.loaded || store.instances.size > 0 || store.offered !== null;
  const empty = isEditing() ? "emptyPanel" : "emptyPanelInUse";
  setText(hint, text(store.packages.length === 0 ? "emptyPanelNoPackage" : empty));
  offerHint.hidden = store.offered === null;
  if (store.offered !== null) setText(offerHint, text("offerHint", { name: offeredName() }));
}

function mark(span, fits) {
  unmark();
  const node = surfaces[span.area].mark;
  // A span that is too large for the area is shown only on existing cells.
  const { columns, rows } = store.areas[span.area];
  setGridPosition(node, { ...span, width: Math.min(span.width, columns), height: Math.min(span.height, rows) });
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
  /** The notice that explains why the key can't be pressed. */
  #notice = null;
  /** The time of the last click in Edit. */
  #lastClick = -Infinity;

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
      payload: (event) => this.#payload(event),
    });
    // The key got the focus on pointerdown. After a touch, the browser's emulated mousedown would focus it again and take the
    // focus from what a double tap has opened.
    this.node.addEventListener("mousedown", (event) => event.preventDefault());
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      // While a key is carried, Enter and Space put it down.
      if (event.repeat || carried !== null || this.#pressed) return;
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
    // Without the focus, no keyup event would arrive. A press by the pointer continues.
    this.node.addEventListener("blur", () => {
      if (this.#byKeyboard) this.#press("cancel");
    });
  }

  /** Draws the instance. Returns whether its place has changed. */
  update(instance) {
    const widget = store.widgetOf(instance);
    const previous = this.instance;
    this.instance = instance;
    this.#face.update(instance, widget);
    const state = instance.description ?? (instance.states > 1 ? stateText(instance) : null);
    const parts = [nameOf(instance), state, instance.title, instance.effect === "invalid" ? text("invalidKey") : null, missingText(instance), inactiveText(instance)];
    const content = parts.filter(Boolean).join(", ");
    setAttribute(this.node, "aria-label", text("keyLabel", { place: placeLabel(instance), content }));
    setAttribute(this.node, "data-widget-uuid", instance.widget);
    this.markSelected();
    this.markCut();
    const isSamePlace = ["area", "column", "row", "width", "height"].every((member) => previous?.[member] === instance[member]);
    if (isSamePlace) return false;
    setGridPosition(this.node, instance);
    this.node.dataset.area = instance.area;
    this.node.dataset.column = instance.column;
    this.node.dataset.row = instance.row;
    setAttribute(this.node, "aria-colindex", instance.column + 1);
    setAttribute(this.node, "aria-colspan", instance.width);
    setAttribute(this.node, "aria-rowspan", instance.height);
    this.#insertInto(surfaces[instance.area].rows[instance.row]);
    return true;
  }

  markSelected() {
    setAttribute(this.node, "aria-selected", isEditing() ? isSelected(this.context) : null);
  }

  markCut() {
    const { clipboard } = store.deck;
    this.node.toggleAttribute("data-cut", clipboard !== null && clipboard.cut && clipboard.context === this.context);
  }

  /** Cancels a press that the change of modes interrupts. */
  onModeChange() {
    this.#press("cancel");
    this.markSelected();
  }

  // A double click opens the settings. Browsers fire no dblclick for touches that could become drags, so clicks are timed here.
  #onClick(time) {
    const isSecond = time - this.#lastClick < DOUBLE_CLICK_MS;
    this.#lastClick = isSecond ? -Infinity : time;
    if (isSecond) store.open(this.context);
  }

  // Within a row, keys are ordered by column and come before the free cells, for screen readers.
  #insertInto(row) {
    const next = [...row.children].find(
      (other) => other !== this.node && Number(other.dataset.column) >= this.instance.column,
    );
    const focused = document.activeElement === this.node;
    row.insertBefore(this.node, next ?? null);
    if (focused) this.node.focus();
  }

  #press(phase) {
    if ((phase === "down") === this.#pressed) return;
    if (phase === "down" && this.instance.missing !== null) {
      this.#explainMissing();
      return;
    }
    this.#pressed = phase === "down";
    this.#byKeyboard = false;
    this.node.toggleAttribute("data-pressed", this.#pressed);
    // A package may open a page both on press and on release.
    if (phase !== "cancel") notePress(this.instance.package, this.#pressed);
    press(this.context, phase);
  }

  // Explains why the key can't be pressed. Repeated presses don't add more notices.
  #explainMissing() {
    const message = missingExplanation(this.instance);
    announce(message);
    if (this.#notice?.isConnected) return;
    this.#notice = showNotice(message, { label: text("importThePackage"), run: chooseFile }).node;
  }

  #payload(event) {
    if (!isEditing()) return null;
    const instance = this.instance;
    const box = this.node.getBoundingClientRect();
    const cellIndex = (offset, length, count) => Math.min(Math.max(Math.floor((offset / length) * count), 0), count - 1);
    return {
      width: instance.width,
      height: instance.height,
      context: this.context,
      image: this.#face.source,
      grabbed: {
        column: cellIndex(event.clientX - box.left, box.width, instance.width),
        row: cellIndex(event.clientY - box.top, box.height, instance.height),
      },
      drop: (place) => move(this.context, place),
      dropOn: ({ dataset }, { clientX: x, clientY: y }) => {
        const to = dataset.profile === undefined ? { page: Number(dataset.page) } : { profile: dataset.profile };
        // The current pointer event would close the menu again, so it opens afterwards.
        setTimeout(() => showDropMenu(this.instance, to, this.node, { x, y }));
      },
    };
  }
}

// A multi-action key is also selected while an instance in its list is.
const isSelected = (context) => store.selected === context || store.instances.get(store.selected)?.parent === context;

/** Describes a place, starting with a capital letter. */
function placeLabel(place) {
  const label = placeText(place);
  return label.charAt(0).toUpperCase() + label.slice(1);
}

const missingText = ({ missing }) => (missing === null ? null : text(`missing.${missing.why}`));
const inactiveText = (instance) => {
  const status = inactiveStatus(instance);
  return status === null ? null : text(`keyInactive.${status}`);
};
const stateText = ({ state, states }) => text("stateOf", { number: state + 1, count: states });

function setGridPosition(node, { column, row, width, height }) {
  node.style.gridColumn = `${column + 1} / span ${width}`;
  node.style.gridRow = `${row + 1} / span ${height}`;
}

/** Focuses the key or free cell at {area, column, row}. */
export function focusPlace({ area, column, row }) {
  surfaces[area].elementAt(column, row)?.focus();
}

function onContextMenu(event) {
  const node = event.target.closest("[data-column]");
  if (node === null) return;
  event.preventDefault();
  const instance = store.instances.get(node.dataset.context) ?? null;
  if (carried !== null || !isEditing()) return;
  // If the keyboard has opened the menu, the event's position may be outside of the key.
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
  if (carried === null && onShortcut(event, instance, placeOf(place))) return;
  if (event.ctrlKey || event.metaKey) return;
  if (carried !== null) {
    onCarryKeyDown(event);
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
    carried = { context: instance.context, span: { area, column, row, width, height } };
    keys.get(instance.context).node.dataset.dragged = "";
    mark(carried.span, true);
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
  // From a key of several cells, one step leads beyond the key.
  let { column, row } = surfaces[area].current;
  if (instance !== null) {
    if (right > 0) column = instance.column + instance.width - 1;
    if (right < 0) column = instance.column;
    if (down > 0) row = instance.row + instance.height - 1;
    if (down < 0) row = instance.row;
  }
  const next = adjacent({ area, column, row, width: 1, height: 1 }, right, down);
  if (next !== null) focusPlace(next);
}

// Returns the span moved by one step, or null if there is none. The function keys are beyond the grid's right edge.
function adjacent(span, right, down) {
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

// Moves the carried key: arrow keys move it, Enter or Space puts it down, Escape leaves it where it was.
function onCarryKeyDown(event) {
  const step = ARROWS[event.key];
  if (event.key === "Tab") {
    stopCarrying();
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  if (step !== undefined) {
    const next = adjacent(carried.span, ...step);
    if (next === null) return;
    carried.span = next;
    const fits = store.fits(next, carried.context);
    mark(next, fits);
    announce(text(fits ? "carriedOver" : "carriedOverTaken", { place: placeText(next) }));
  } else if (event.key === "Enter" || event.key === " ") {
    const { context, span } = carried;
    if (!store.fits(span, context)) {
      announce(text("carriedOverTaken", { place: placeText(span) }));
      return;
    }
    stopCarrying();
    move(context, span);
  } else if (event.key === "Escape") {
    stopCarrying();
    announce(text("putBack"));
  }
}

function stopCarrying() {
  const key = keys.get(carried.context);
  if (key !== undefined) delete key.node.dataset.dragged;
  carried = null;
  unmark();
}

function sizeOf(width, height) {
  const { cells, size } = surfaces.grid;
  const first = cells[0].getBoundingClientRect();
  const corner = cells[(height - 1) * size.columns + width - 1].getBoundingClientRect();
  return { width: corner.right - first.left, height: corner.bottom - first.top };
}
