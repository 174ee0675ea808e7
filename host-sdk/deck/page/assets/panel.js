// The Panel: the grid of places, the keys on it, pressing, selecting, moving and the keyboard's way through it.

import { move, nameOf, press, remove } from "./actions.js";
import { element, setAttribute, setText } from "./dom.js";
import { makeDraggable, setDropTarget } from "./drag.js";
import { Face } from "./face.js";
import { store } from "./store.js";
import { text } from "./strings.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const grid = document.getElementById("panel");
const hint = document.getElementById("panel-hint");
const dropMark = element("div", { className: "drop-mark", hidden: true, "aria-hidden": "true" });

let rows = [];
let cells = [];
const keys = new Map();
/** The place that the Tab key reaches; arrows move it. */
let current = { column: 0, row: 0 };

/** Brings the Panel to life; it draws itself from the store from here on. */
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
  store.on("selected", () => {
    for (const key of keys.values()) key.markSelected();
  });
  grid.addEventListener("keydown", onKeyDown);
  grid.addEventListener("focusin", (event) => {
    const place = event.target.closest("[data-column]");
    if (place === null) return;
    current = { column: Number(place.dataset.column), row: Number(place.dataset.row) };
    setTabStop();
  });
  setDropTarget({
    get columns() {
      return store.panel.columns;
    },
    get rows() {
      return store.panel.rows;
    },
    cellAt,
    sizeOf,
    fits: (span, context) => store.fits(span, context),
    mark(span, fits) {
      put(dropMark, span);
      dropMark.dataset.fits = fits;
      dropMark.hidden = false;
    },
    unmark() {
      dropMark.hidden = true;
    },
  });
}

// The places are made once the Panel's size is known, and again only should it change.
function build() {
  const { columns, rows: count } = store.panel;
  if (rows.length === count && cells.length === columns * count) return;
  rows = [];
  cells = [];
  grid.style.setProperty("--columns", columns);
  grid.style.setProperty("--rows", count);
  for (let row = 0; row < count; row += 1) {
    const line = element("div", { role: "row", className: "panel-row" });
    for (let column = 0; column < columns; column += 1) {
      const cell = element("div", {
        role: "gridcell",
        className: "cell",
        tabIndex: -1,
        "data-column": column,
        "data-row": row,
        "aria-label": text("emptyCell", { column: column + 1, row: row + 1 }),
      });
      put(cell, { column, row, width: 1, height: 1 });
      cells.push(cell);
      line.append(cell);
    }
    rows.push(line);
  }
  grid.replaceChildren(...rows, dropMark);
  keys.clear();
  for (const instance of store.instances.values()) show(instance);
}

function show(instance) {
  let key = keys.get(instance.context);
  if (key === undefined) {
    key = new Key(instance);
    keys.set(instance.context, key);
  }
  if (key.update(instance)) arrange();
}

function discard(instance) {
  const key = keys.get(instance.context);
  if (key === undefined) return;
  const focused = key.node.contains(document.activeElement);
  keys.delete(instance.context);
  key.node.remove();
  arrange();
  if (focused) focusPlace(instance.column, instance.row);
}

/** One instance on the Panel. */
class Key {
  #face = new Face();
  #pressed = false;
  #byKeyboard = false;

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
          store.select(this.context);
          this.#press("down");
        },
        up: () => this.#press("up"),
        cancel: () => this.#press("cancel"),
      },
      cargo: (event) => this.#cargo(event),
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      if (event.repeat) return;
      store.select(this.context);
      this.#press("down");
      this.#byKeyboard = true;
    });
    this.node.addEventListener("keyup", (event) => {
      if (event.key === "Enter" || event.key === " ") this.#press("up");
    });
    // Without the focus no keyup would come. A press of the pointer goes on: a property view may take the focus.
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
    const label = [
      nameOf(instance),
      instance.description,
      instance.title,
      instance.effect === "invalid" ? text("invalidKey") : null,
    ];
    setAttribute(this.node, "aria-label", label.filter(Boolean).join(", "));
    setAttribute(this.node, "data-widget-uuid", instance.widget);
    this.markSelected();
    const same = ["column", "row", "width", "height"].every((side) => before?.[side] === instance[side]);
    if (same) return false;
    put(this.node, instance);
    this.node.dataset.column = instance.column;
    this.node.dataset.row = instance.row;
    setAttribute(this.node, "aria-colspan", instance.width);
    setAttribute(this.node, "aria-rowspan", instance.height);
    this.#enter(rows[instance.row]);
    return true;
  }

  markSelected() {
    setAttribute(this.node, "aria-selected", store.selected === this.context);
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
    this.#pressed = phase === "down";
    this.#byKeyboard = false;
    this.node.toggleAttribute("data-pressed", this.#pressed);
    press(this.context, phase);
  }

  #cargo(event) {
    const instance = this.instance;
    const box = this.node.getBoundingClientRect();
    const part = (offset, whole, count) => Math.min(Math.max(Math.floor((offset / whole) * count), 0), count - 1);
    return {
      width: instance.width,
      height: instance.height,
      context: this.context,
      image: this.node.querySelector("img")?.src,
      grabbed: {
        column: part(event.clientX - box.left, box.width, instance.width),
        row: part(event.clientY - box.top, box.height, instance.height),
      },
      drop: (column, row) => move(this.context, column, row),
    };
  }
}

function put(node, { column, row, width, height }) {
  node.style.gridColumn = `${column + 1} / span ${width}`;
  node.style.gridRow = `${row + 1} / span ${height}`;
}

// Places under a key are there to be dropped on, but not to be read or reached.
function arrange() {
  for (const cell of cells) {
    const taken = store.at(Number(cell.dataset.column), Number(cell.dataset.row)) !== null;
    setAttribute(cell, "aria-hidden", taken ? "true" : null);
    cell.toggleAttribute("data-taken", taken);
  }
  hint.hidden = !store.loaded || store.instances.size > 0;
  setText(hint, text(store.packages.length === 0 ? "emptyPanelNoPackage" : "emptyPanel"));
  setTabStop();
}

function setTabStop() {
  const stop = elementAt(current.column, current.row);
  for (const place of [...cells, ...[...keys.values()].map((key) => key.node)]) {
    const wanted = place === stop ? 0 : -1;
    if (place.tabIndex !== wanted) place.tabIndex = wanted;
  }
}

function elementAt(column, row) {
  const instance = store.at(column, row);
  return (instance && keys.get(instance.context)?.node) ?? cells[row * store.panel.columns + column] ?? null;
}

function focusPlace(column, row) {
  elementAt(column, row)?.focus();
}

function onKeyDown(event) {
  if (event.ctrlKey || event.metaKey) return;
  const instance = store.instances.get(event.target.closest("[data-context]")?.dataset.context) ?? null;
  if (instance !== null && (event.key === "Delete" || event.key === "Backspace")) {
    event.preventDefault();
    remove(instance.context);
    return;
  }
  const step = ARROWS[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const [right, down] = step;
  if (event.altKey) {
    if (instance === null) return;
    const span = { ...instance, column: instance.column + right, row: instance.row + down };
    if (store.fits(span, instance.context)) move(instance.context, span.column, span.row);
    return;
  }
  // From a wide key one step leads to the place beyond it, not to another of its own.
  let { column, row } = current;
  if (instance !== null) {
    if (right > 0) column = instance.column + instance.width - 1;
    if (right < 0) column = instance.column;
    if (down > 0) row = instance.row + instance.height - 1;
    if (down < 0) row = instance.row;
  }
  column += right;
  row += down;
  if (column < 0 || row < 0 || column >= store.panel.columns || row >= store.panel.rows) return;
  focusPlace(column, row);
}

function cellAt(x, y) {
  const first = cells[0].getBoundingClientRect();
  const last = cells.at(-1).getBoundingClientRect();
  const column = Math.floor(((x - first.left) / (last.right - first.left)) * store.panel.columns);
  const row = Math.floor(((y - first.top) / (last.bottom - first.top)) * store.panel.rows);
  const inside = column >= 0 && row >= 0 && column < store.panel.columns && row < store.panel.rows;
  return inside ? { column, row } : null;
}

function sizeOf(width, height) {
  const first = cells[0].getBoundingClientRect();
  const corner = cells[(height - 1) * store.panel.columns + width - 1].getBoundingClientRect();
  return { width: corner.right - first.left, height: corner.bottom - first.top };
}
