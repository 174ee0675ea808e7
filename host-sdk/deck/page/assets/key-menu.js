// What can be done with a key in Edit, beyond moving it: the menu of a key and of a bare place, and the keys of the keyboard for the
// same.

import { clip, copyTo, duplicate, moveTo, nameOf, paste, remove } from "./actions.js";
import { showMenu } from "./menu.js";
import { isEditing } from "./mode.js";
import { chooseFile } from "./packages.js";
import { store } from "./store.js";
import { text } from "./strings.js";

const IS_MAC = /^Mac/.test(navigator.platform);
const shortcut = (letter) => (IS_MAC ? `⌘${letter}` : `Ctrl+${letter}`);

/** Shows what can be done with a key, an element of the Panel, at `{x, y}` or below an element. */
export function showKeyMenu(instance, node, at) {
  const { context } = instance;
  const places = (act) => destinations().map(({ words, to }) => ({ words, act: () => act(context, to, words) }));
  showMenu(
    nameOf(instance),
    [
      instance.missing === null
        ? { words: text("menuSettings"), keys: text("keyEnter"), act: () => store.open(context) }
        : { words: text("importThePackage"), act: chooseFile },
      null,
      { words: text("cut"), keys: shortcut("X"), act: () => clip(context, true) },
      { words: text("copy"), keys: shortcut("C"), act: () => clip(context, false) },
      pasteItem(instance),
      { words: text("duplicate"), keys: shortcut("D"), act: () => duplicate(context) },
      null,
      { words: text("copyTo"), items: places(copyTo) },
      { words: text("moveTo"), items: places(moveTo) },
      null,
      { words: text("remove"), keys: text("keyDelete"), act: () => remove(context) },
    ],
    { at, returnTo: node },
  );
}

/** Shows what can be done with a bare place. `more` are further items. */
export function showPlaceMenu(place, label, node, at, more) {
  showMenu(label, [pasteItem(place), ...more], { at, returnTo: node });
}

/** Shows what a key that was dropped on a profile's tab, or on a page's, is to do there. */
export function showDropMenu(instance, { profile, page }, node, at) {
  const found = destinations().find(({ to }) => to.profile === profile && to.page === page);
  if (found === undefined) return;
  const { words, to } = found;
  const { context } = instance;
  showMenu(
    nameOf(instance),
    [
      { words: text("copyToNamed", { place: words }), act: () => copyTo(context, to, words) },
      { words: text("moveToNamed", { place: words }), act: () => moveTo(context, to, words) },
    ],
    { at, returnTo: node },
  );
}

/** Does what a key of the keyboard means for an instance (or null) at a place. Returns whether it means anything. */
export function onShortcut(event, instance, place) {
  const only = IS_MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (!only || event.altKey || event.shiftKey || !isEditing()) return false;
  const acts = {
    x: () => instance && clip(instance.context, true),
    c: () => instance && clip(instance.context, false),
    d: () => instance && duplicate(instance.context),
    v: () => paste(instance ?? place),
  };
  const act = acts[event.key.toLowerCase()];
  if (act === undefined) return false;
  event.preventDefault();
  if (!event.repeat) act();
  return true;
}

function pasteItem(place) {
  return { words: text("paste"), keys: shortcut("V"), disabled: store.deck.clipboard === null, act: () => paste(place) };
}

// The other pages of the profile that is shown, then the other profiles.
function destinations() {
  const { profiles, active, page, pages } = store.deck;
  const otherPages = pages.map((_, index) => ({ words: text("pageNumber", { number: index + 1 }), to: { page: index } }));
  const others = profiles.filter(({ id }) => id !== active);
  return [
    ...otherPages.filter(({ to }) => to.page !== page),
    ...others.map(({ id, name }) => ({ words: text("profileNamed", { name }), to: { profile: id } })),
  ];
}
