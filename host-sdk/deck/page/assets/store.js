// What the page knows: packages, the Panel, its instances, and which one is selected. One store that everybody reads
// and whose changes everybody hears; only events from the server and answers of the API change it.

/**
 * Its events: "packages"; "deck"; "instance" (detail: the instance, new or changed); "instanceRemoved" (detail: the instance
 * that is gone); "selected" (detail: the context or null); "opened" (detail: the
 * context whose settings the user wants); "pointed" (detail: the place that the focus is to go to); "offered";
 * "mode".
 */
class Store extends EventTarget {
  /** Columns and rows of the device's areas. */
  areas = { grid: { columns: 5, rows: 4 }, keys: { columns: 2, rows: 2 } };
  /** Profiles, which one is shown, sleep, what can be undone and redone, what the user has chosen and has to know. */
  deck = { profiles: [], active: "", asleep: false, page: 0, pages: [], undo: null, redo: null, revision: 0, clipboard: null, notice: null };
  packages = [];
  /** What the deck itself offers, as a package; null until the server has told its state. */
  own = null;
  instances = new Map();
  selected = null;
  offered = null;
  /** What clicks on the Panel do in this page: "edit" or "use". A page begins with what was chosen last in any. */
  mode = "edit";
  /** False until the server has told its state for the first time. */
  loaded = false;

  /** Takes a whole state, telling only what differs. */
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
    this.#tell("deck");
  }

  setPackages(packages) {
    this.packages = packages;
    this.#tell("packages");
  }

  setInstance(instance) {
    this.instances.set(instance.context, instance);
    this.#tell("instance", instance);
  }

  removeInstance(context) {
    const instance = this.instances.get(context);
    if (!instance) return;
    this.instances.delete(context);
    if (this.selected === context) this.select(null);
    this.#tell("instanceRemoved", instance);
  }

  select(context) {
    if (this.selected === context) return;
    this.selected = context;
    this.#tell("selected", context);
  }

  /** Selects an instance and leads to its settings. */
  open(context) {
    this.select(context);
    this.#tell("opened", context);
  }

  /** The size, `{width, height}`, of a widget that can be put on a free place by a click; null if there is none. */
  offer(size) {
    this.offered = size;
    this.#tell("offered");
  }

  /** Asks for the focus to go to a place, or to the key on it. */
  point(place) {
    this.#tell("pointed", place);
  }

  setMode(mode) {
    if (this.mode === mode) return;
    this.mode = mode;
    this.#tell("mode");
  }

  package(uuid) {
    return [...this.packages, this.own].find((candidate) => candidate?.uuid === uuid) ?? null;
  }

  /** The widget of an instance, or null while its package is unknown. */
  widgetOf(instance) {
    return this.package(instance.package)?.widgets.find((widget) => widget.uuid === instance.widget) ?? null;
  }

  /** The instance that covers a cell of an area, or null. */
  at(area, column, row) {
    for (const instance of this.instances.values()) {
      if (instance.parent === null && !apart(instance, { area, column, row, width: 1, height: 1 })) return instance;
    }
    return null;
  }

  /** Whether a span of cells is on the device and free, not counting the instance `except` (a context). */
  fits(span, except = null) {
    const { area, column, row, width, height } = span;
    const { columns, rows } = this.areas[area];
    if (column < 0 || row < 0 || column + width > columns || row + height > rows) return false;
    // A function key is a place by itself.
    if (area === "keys" && (width > 1 || height > 1)) return false;
    for (const other of this.instances.values()) {
      if (other.context !== except && other.parent === null && !apart(other, span)) return false;
    }
    return true;
  }

  /** The first free place of a size, row by row; null when there is none. */
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

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Whether two spans of cells have none in common. */
function apart(one, other) {
  return (
    one.area !== other.area ||
    one.column >= other.column + other.width ||
    one.column + one.width <= other.column ||
    one.row >= other.row + other.height ||
    one.row + one.height <= other.row
  );
}

export const store = new Store();
