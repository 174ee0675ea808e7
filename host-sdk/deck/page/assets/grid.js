/** The geometry of the Panel: pure functions about places on the grid, with no element in sight. */

/** Size of one grid cell and of the gap between two, in the pixels of the device (creator-central: 150, 308, … wide). */
export const CELL = Object.freeze({ width: 150, height: 108, gap: 8 });

/** Width in device pixels of `columns` neighbouring cells. */
export const spanWidth = (columns) => columns * CELL.width + (columns - 1) * CELL.gap;

/** Height in device pixels of `rows` neighbouring cells. */
export const spanHeight = (rows) => rows * CELL.height + (rows - 1) * CELL.gap;

/**
 * @typedef {{column: number, row: number, width: number, height: number}} Place zero-based, size in cells
 */

const overlap = (a, b) =>
  a.column < b.column + b.width && b.column < a.column + a.width &&
  a.row < b.row + b.height && b.row < a.row + a.height;

/**
 * Whether a place lies on the Panel and is free.
 * @param {Place} place
 * @param {{columns: number, rows: number}} panel
 * @param {Iterable<Place & {context: string}>} instances
 * @param {string|null} [moving] the context of an instance that doesn't count, because it is the one being moved
 */
export function fits(place, panel, instances, moving = null) {
  const inside = place.column >= 0 && place.row >= 0 &&
    place.column + place.width <= panel.columns && place.row + place.height <= panel.rows;
  if (!inside) return false;
  for (const other of instances) {
    if (other.context !== moving && overlap(place, other)) return false;
  }
  return true;
}

/**
 * The first free place for a size, row by row from the top left, or null.
 * @returns {Place|null}
 */
export function firstFree(width, height, panel, instances) {
  const taken = [...instances];
  for (let row = 0; row + height <= panel.rows; row += 1) {
    for (let column = 0; column + width <= panel.columns; column += 1) {
      const place = { column, row, width, height };
      if (fits(place, panel, taken)) return place;
    }
  }
  return null;
}

/** The nearest place that doesn't stick out of the Panel, so that a drop near an edge is no miss. */
export function pulledInside(place, panel) {
  const limit = (value, most) => Math.max(0, Math.min(value, most));
  return {
    ...place,
    column: limit(place.column, panel.columns - place.width),
    row: limit(place.row, panel.rows - place.height),
  };
}

/**
 * The instance that an arrow key leads to: the nearest one whose centre lies in that direction, or null.
 * @param {Place} from
 * @param {Iterable<Place & {context: string}>} instances
 * @param {{columns: number, rows: number}} step one of (±1, 0) and (0, ±1)
 */
export function neighbour(from, instances, step) {
  const centre = (place) => ({ x: place.column + place.width / 2, y: place.row + place.height / 2 });
  const start = centre(from);
  let best = null;
  let bestCost = Infinity;
  for (const other of instances) {
    const { x, y } = centre(other);
    const along = (x - start.x) * step.columns + (y - start.y) * step.rows;
    const across = Math.abs((x - start.x) * step.rows) + Math.abs((y - start.y) * step.columns);
    // Being off the line costs more than being far along it: "right" means the same row where there is one.
    const cost = along + across * 3;
    if (along > 0.01 && cost < bestCost) [best, bestCost] = [other, cost];
  }
  return best;
}
