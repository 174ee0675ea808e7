// The state of the page: packages, the Panel, its instances, and which one is selected. All parts read it and listen to its
// changes. The server's state is changed only by its events and by responses of the API.

/**
 * Its events: "packages"; "deck"; "instance" (detail: the new or changed instance); "instanceRemoved" (detail: the removed
 * instance); "selected" (detail: the context or null); "opened" (detail: the context whose settings the user opens);
 * "focusRequested" (detail: the place that should receive the focus); "offered"; "mode".
 */
class Store extends EventTarget {
  /** Columns and rows of the device's areas. */
  areas = { grid: { columns: 5, rows: 4 }, keys: { columns: 2, rows: 2 } };
  /** Profiles and the active one, sleep, undo and redo, the clipboard, preferences and the notice to the user. */
  deck = { profiles: [], active: "", asleep: false, page: 0, pages: [], undo: null, redo: null, revision: 0, clipboard: null, notice: null };
  packages = [];
  /** The deck's built-in widgets, as a package; null until the server has sent its state. */
  own = null;
  instances = new Map();
  selected = null;
  offered = null;
  /** What clicks on the Panel do in this page: "edit" or "use". A new page starts with the mode last chosen in any page. */
  mode = "edit";
  /** False until the server has sent its state for the first time. */
  loaded = false;

  /** Replaces the whole state with the server's. */
  replace(state) {
    this.areas = { grid: state.panel, keys: state.keys };
    this.loaded = true;
    this.own = state.own;
    const present = new Set(state.instances.map((instance) => instance.context));
    for (const context of [...this.instances.keys()]) {
      if (!present.has(context)) this.removeInstance(context);
    }
    this.setPackages(state.packages);
    for (const instance of state.instances) this.setInstance(instance);
    this.setDeck(state.deck);
  }

  setDeck(deck) {
    if (this.deck.preferences === undefined) this.setMode(deck.preferences.mode);
    this.deck = deck;
    this.#emit("deck");
  }

  setPackages(packages) {
    this.packages = packages;
    this.#emit("packages");
  }

  setInstance(instance) {
    this.instances.set(instance.context, instance);
    this.#emit("instance", instance);
  }

  removeInstance(context) {
    const instance = this.instances.get(context);
    if (!instance) return;
    this.instances.delete(context);
    if (this.selected === context) this.select(null);
    this.#emit("instanceRemoved", instance);
  }

  select(context) {
    if (this.selected === context) return;
    this.selected = context;
    this.#emit("selected", context);
  }

  /** Selects an instance and opens its settings. */
  open(context) {
    this.select(context);
    this.#emit("opened", context);
  }

  /** Sets the size, `{width, height}`, of the widget that a click on a free place will put there; null if there is none. */
  offer(size) {
    this.offered = size;
    this.#emit("offered");
  }

  /** Requests that a place, or the key on it, receives the focus. */
  requestFocus(place) {
    this.#emit("focusRequested", place);
  }

  setMode(mode) {
    if (this.mode === mode) return;
    this.mode = mode;
    this.#emit("mode");
  }

  package(uuid) {
    return [...this.packages, this.own].find((candidate) => candidate?.uuid === uuid) ?? null;
  }

  /** Returns the widget of an instance, or null while its package is unknown. */
  widgetOf(instance) {
    return this.package(instance.package)?.widgets.find((widget) => widget.uuid === instance.widget) ?? null;
  }

  /** Returns the instance that covers a cell of an area, or null. */
  instanceAt(area, column, row) {
    for (const instance of this.instances.values()) {
      if (instance.parent === null && !areDisjoint(instance, { area, column, row, width: 1, height: 1 })) return instance;
    }
    return null;
  }

  /** Returns whether a span of cells is on the device and free, ignoring the instance `except` (a context). */
  fits(span, except = null) {
    const { area, column, row, width, height } = span;
    const { columns, rows } = this.areas[area];
    if (column < 0 || row < 0 || column + width > columns || row + height > rows) return false;
    // A function key has exactly one cell.
    if (area === "keys" && (width > 1 || height > 1)) return false;
    for (const other of this.instances.values()) {
      if (other.context !== except && other.parent === null && !areDisjoint(other, span)) return false;
    }
    return true;
  }

  /** Returns the first free place of a size, row by row; null if there is none. */
  firstFree(width, height) {
    for (const [area, { columns, rows }] of Object.entries(this.areas)) {
      for (let row = 0; row + height <= rows; row += 1) {
        for (let column = 0; column + width <= columns; column += 1) {
          if (this.fits({ area, column, row, width, height })) return { area, column, row };
        }
      }
    }
    return null;
  }

  /** Calls `listener` with the detail of each event of a type. */
  on(type, listener) {
    this.addEventListener(type, (event) => listener(event.detail));
  }

  #emit(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Returns whether two spans of cells have no cell in common. */
function areDisjoint(a, b) {
  return (
    a.area !== b.area ||
    a.column >= b.column + b.width ||
    a.column + a.width <= b.column ||
    a.row >= b.row + b.height ||
    a.row + a.height <= b.row
  );
}

export const store = new Store();
