// The user's actions on the Panel, shared by mouse, keyboard and buttons: each sends the request, announces the result and
// shows the error if it fails.

import * as api from "./api.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError, showNotice } from "./toast.js";

/** "3 x 2". */
export const sizeText = ({ width, height }) => text("size", { width, height });

/** Returns the widget's name as the list shows it, or its last known name if its package is missing. */
export const nameOf = (instance) => instance.missing?.widget ?? store.widgetOf(instance)?.name ?? instance.widget;

/** Explains why a placeholder can't be used, and what to do about it. */
export const missingExplanation = (instance) =>
  text(`missingExplanation.${instance.missing.why}`, { widget: nameOf(instance), package: instance.missing.package });

/** Describes a place, for example "column 1, row 2". */
export const placeText = ({ area, column, row }) =>
  text(area === "keys" ? "keyPlace" : "gridPlace", { column: column + 1, row: row + 1 });

/** Places a widget at {area, column, row} and selects it. Returns the instance, or null if that failed. */
export async function place(widget, layout, where) {
  try {
    const instance = await api.addInstance(widget.uuid, layout, where);
    // The event may have arrived first, with newer pictures.
    if (!store.instances.has(instance.context)) store.setInstance(instance);
    store.select(instance.context);
    announce(text("placed", { name: widget.name, place: placeText(instance) }));
    return instance;
  } catch (error) {
    showError(error);
    return null;
  }
}

/** Places a widget at the first free place. */
export async function placeAtFirstFree(widget, layout) {
  const size = widget.layouts[layout];
  const free = store.firstFree(size.width, size.height);
  if (free === null) showError(new Error(text("noFreePlace", { size: sizeText(size) })));
  else await place(widget, layout, free);
}

/** Moves a key to {area, column, row}, unless it is already there. */
export async function move(context, { area, column, row }) {
  const instance = store.instances.get(context);
  if (!instance || (instance.area === area && instance.column === column && instance.row === row)) return;
  try {
    await api.moveInstance(context, { area, column, row });
    const current = store.instances.get(context);
    if (current) store.setInstance({ ...current, area, column, row });
    announce(text("moved", { name: nameOf(instance), place: placeText({ area, column, row }) }));
  } catch (error) {
    showError(error);
  }
}

/** Copies a key to the clipboard. */
export const copy = (context) => setClipboard(context, false);

/** Cuts a key: pasting it moves it. */
export const cut = (context) => setClipboard(context, true);

async function setClipboard(context, isCut) {
  const instance = store.instances.get(context);
  if (!instance) return;
  try {
    await api.setClipboard(context, isCut);
    announce(text(isCut ? "keyCut" : "keyCopied", { name: nameOf(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Takes a key that was cut off the clipboard. */
export function cancelCut() {
  if (store.deck.clipboard?.cut) api.clearClipboard().catch(showError);
}

/** Pastes the clipboard at the free place nearest to the given one, and selects the key. */
export function paste(place) {
  return placeCopy(() => api.paste(place), "pasted");
}

/** Places a copy of a key next to it, and selects the copy. */
export function duplicate(context) {
  return placeCopy(() => api.copyInstance(context, {}), "duplicated");
}

async function placeCopy(request, message) {
  try {
    const instance = await request();
    if (!store.instances.has(instance.context)) store.setInstance(instance);
    store.select(instance.context);
    store.requestFocus(instance);
    announce(text(message, { name: nameOf(instance), place: placeText(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Copies a key to another profile or page, `to`, which is displayed as `label`. */
export function copyTo(context, to, label) {
  return transfer(context, () => api.copyInstance(context, to), "copiedTo", label);
}

/** Moves a key to another profile or page, `to`, which is displayed as `label`. */
export function moveTo(context, to, label) {
  return transfer(context, () => api.moveInstance(context, to), "movedTo", label);
}

async function transfer(context, request, messageKey, place) {
  const instance = store.instances.get(context);
  if (!instance) return;
  const { revision } = store.deck;
  try {
    await request();
    const message = text(messageKey, { name: nameOf(instance), place });
    offerUndo(message, revision);
    announce(message);
  } catch (error) {
    showError(error);
  }
}

/** Changes a key's layout; the server moves the key if the new size doesn't fit where it is. */
export async function resize(context, layout) {
  try {
    const instance = await api.resizeInstance(context, layout);
    announce(text("resized", { name: nameOf(instance), size: sizeText(instance), place: placeText(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Removes a key from the Panel. */
export async function remove(context) {
  const instance = store.instances.get(context);
  if (!instance) return;
  const { revision } = store.deck;
  try {
    await api.removeInstance(context);
    store.removeInstance(context);
    offerUndo(text("deletedKey", { name: nameOf(instance) }), revision);
    announce(text("deletedKey", { name: nameOf(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Shows a page of the grid, zero-based. */
export async function showPage(page) {
  const count = store.deck.pages.length;
  if (page < 0 || page >= count || page === store.deck.page) return;
  try {
    await api.showPage(page);
    announce(text("pageShown", { number: page + 1, count }));
  } catch (error) {
    showError(error);
  }
}

/** Shows the page `offset` pages after the current one. */
export const turnPage = (offset) => showPage(store.deck.page + offset);

/** Undoes ("undo") or redoes ("redo") the last change. */
export async function stepHistory(direction) {
  try {
    const { step } = await api.stepHistory(direction);
    announce(text(direction === "undo" ? "undone" : "redone", { step: text(`step.${step}`) }));
  } catch (error) {
    showError(error);
  }
}

/** Shows what was done when the device had `revision`, and offers to undo it until something else is done. */
export function offerUndo(message, revision) {
  const close = showNotice(message, { label: text("undo"), run: () => stepHistory("undo") });
  function onDeck() {
    if (store.deck.revision <= revision + 1) return;
    store.removeEventListener("deck", onDeck);
    close();
  }
  store.addEventListener("deck", onDeck);
}

/** Sends one phase of a press. */
export function press(context, phase) {
  api.press(context, phase).catch(showError);
}
