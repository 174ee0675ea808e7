// What a user can do to the Panel, in one place, whether by mouse, by keyboard or by a button: the request, what the
// page says about it, and what it says when it fails.

import * as api from "./api.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** "3 x 2". */
export const sizeText = ({ width, height }) => text("size", { width, height });

/** The widget's name as the list shows it, or its UUID while the package is away. */
export const nameOf = (instance) => store.widgetOf(instance)?.name ?? instance.widget;

/** Places a widget and selects it. */
export async function place(widget, layout, column, row) {
  try {
    const instance = await api.addInstance(widget.uuid, layout, column, row);
    // The event may have come first, with newer pictures.
    if (!store.instances.has(instance.context)) store.setInstance(instance);
    store.select(instance.context);
    announce(text("placed", { name: widget.name, column: column + 1, row: row + 1 }));
  } catch (error) {
    showError(error);
  }
}

/** Places a widget where there is room first. */
export async function placeAnywhere(widget, layout) {
  const size = widget.layouts[layout];
  const free = store.firstFree(size.width, size.height);
  if (free === null) showError(new Error(text("noRoom", { size: sizeText(size) })));
  else await place(widget, layout, free.column, free.row);
}

/** Moves a key; where it already is, nothing happens. */
export async function move(context, column, row) {
  const instance = store.instances.get(context);
  if (!instance || (instance.column === column && instance.row === row)) return;
  try {
    await api.moveInstance(context, column, row);
    const current = store.instances.get(context);
    if (current) store.setInstance({ ...current, column, row });
    announce(text("moved", { name: nameOf(instance), column: column + 1, row: row + 1 }));
  } catch (error) {
    showError(error);
  }
}

/** Takes a key off the Panel. */
export async function remove(context) {
  const instance = store.instances.get(context);
  if (!instance) return;
  try {
    await api.removeInstance(context);
    store.removeInstance(context);
    announce(text("deletedKey", { name: nameOf(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Sends one phase of a press. */
export function press(context, phase) {
  api.press(context, phase).catch(showError);
}
