// What a user can do to the Panel, in one place, whether by mouse, by keyboard or by a button: the request, what the
// page says about it, and what it says when it fails.

import * as api from "./api.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError, showNotice } from "./toast.js";

/** "3 x 2". */
export const sizeText = ({ width, height }) => text("size", { width, height });

/** The widget's name as the list shows it, or as it was when its package was there last. */
export const nameOf = (instance) => instance.missing?.widget ?? store.widgetOf(instance)?.name ?? instance.widget;

/** Why a placeholder can't be used, and what helps. */
export const missingExplanation = (instance) =>
  text(`missingExplanation.${instance.missing.why}`, { widget: nameOf(instance), package: instance.missing.package });

/** A place in words. */
export const placeText = ({ area, column, row }) =>
  text(area === "keys" ? "keyPlace" : "gridPlace", { column: column + 1, row: row + 1 });

/** Places a widget at {area, column, row} and selects it. Returns the instance, or null where that failed. */
export async function place(widget, layout, where) {
  try {
    const instance = await api.addInstance(widget.uuid, layout, where);
    // The event may have come first, with newer pictures.
    if (!store.instances.has(instance.context)) store.setInstance(instance);
    store.select(instance.context);
    announce(text("placed", { name: widget.name, place: placeText(instance) }));
    return instance;
  } catch (error) {
    showError(error);
    return null;
  }
}

/** Places a widget where there is room first. */
export async function placeAnywhere(widget, layout) {
  const size = widget.layouts[layout];
  const free = store.firstFree(size.width, size.height);
  if (free === null) showError(new Error(text("noRoom", { size: sizeText(size) })));
  else await place(widget, layout, free);
}

/** Moves a key to {area, column, row}; where it already is, nothing happens. */
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

/** Takes a key into the clipboard; `cut`: to move it when it is pasted. */
export async function clip(context, cut) {
  const instance = store.instances.get(context);
  if (!instance) return;
  try {
    await api.clip(context, cut);
    announce(text(cut ? "keyCut" : "keyCopied", { name: nameOf(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Forgets a key that was cut. */
export function cancelCut() {
  if (store.deck.clipboard?.cut) api.clearClipboard().catch(showError);
}

/** Puts down what is in the clipboard, as near to a place as there is room, and selects it. */
export function paste(place) {
  return put(() => api.paste(place), "pasted");
}

/** Puts a copy of a key beside it, and selects it. */
export function duplicate(context) {
  return put(() => api.copyInstance(context, {}), "duplicated");
}

async function put(request, words) {
  try {
    const instance = await request();
    if (!store.instances.has(instance.context)) store.setInstance(instance);
    store.select(instance.context);
    store.point(instance);
    announce(text(words, { name: nameOf(instance), place: placeText(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Puts a copy of a key into another profile or on another page, `to`, which is called `words`. */
export function copyTo(context, to, words) {
  return send(context, () => api.copyInstance(context, to), "copiedTo", words);
}

/** As `copyTo`, but the key itself goes. */
export function moveTo(context, to, words) {
  return send(context, () => api.moveInstance(context, to), "movedTo", words);
}

async function send(context, request, done, place) {
  const instance = store.instances.get(context);
  if (!instance) return;
  const { revision } = store.deck;
  try {
    await request();
    const words = text(done, { name: nameOf(instance), place });
    offerUndo(words, revision);
    announce(words);
  } catch (error) {
    showError(error);
  }
}

/** Gives a key another layout, where there is room for it. */
export async function resize(context, layout) {
  try {
    const instance = await api.resizeInstance(context, layout);
    announce(text("resized", { name: nameOf(instance), size: sizeText(instance), place: placeText(instance) }));
  } catch (error) {
    showError(error);
  }
}

/** Takes a key off the Panel. */
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

/** Shows the page that is so many further on. */
export const turnPage = (step) => showPage(store.deck.page + step);

/** Undoes ("undo") or does again ("redo") what was done last. */
export async function step(direction) {
  try {
    const { step: name } = await api.step(direction);
    announce(text(direction === "undo" ? "undone" : "redone", { step: text(`step.${name}`) }));
  } catch (error) {
    showError(error);
  }
}

/** Says what was done when the device had `revision`, and offers to undo it as long as nothing else was done. */
export function offerUndo(words, revision) {
  const close = showNotice(words, { words: text("undo"), act: () => step("undo") });
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
