// The context menus of keys and of free places in Edit, and the keyboard shortcuts for their items.

import { copy, copyTo, cut, duplicate, moveTo, nameOf, paste, remove } from "./actions.js";
import { showMenu } from "./menu.js";
import { isEditing } from "./mode.js";
import { chooseFile } from "./packages.js";
import { store } from "./store.js";
import { text } from "./strings.js";

const IS_MAC = /^Mac/.test(navigator.platform);
const shortcut = (letter) => (IS_MAC ? `⌘${letter}` : `Ctrl+${letter}`);

/** Shows the menu of a key, whose element is `node`, at `{x, y}` or below an element. */
export function showKeyMenu(instance, node, at) {
  const { context } = instance;
  const destinationItems = (run) => destinations().map(({ label, to }) => ({ label, run: () => run(context, to, label) }));
  showMenu(
    nameOf(instance),
    [
      instance.missing === null
        ? { label: text("menuSettings"), shortcut: text("keyEnter"), run: () => store.open(context) }
        : { label: text("importThePackage"), run: chooseFile },
      null,
      { label: text("cut"), shortcut: shortcut("X"), run: () => cut(context) },
      { label: text("copy"), shortcut: shortcut("C"), run: () => copy(context) },
      pasteItem(instance),
      { label: text("duplicate"), shortcut: shortcut("D"), run: () => duplicate(context) },
      null,
      { label: text("copyTo"), items: destinationItems(copyTo) },
      { label: text("moveTo"), items: destinationItems(moveTo) },
      null,
      { label: text("remove"), shortcut: text("keyDelete"), run: () => remove(context) },
    ],
    { at, returnTo: node },
  );
}

/** Shows the menu of a free place. `more` are additional items. */
export function showPlaceMenu(place, label, node, at, more) {
  showMenu(label, [pasteItem(place), ...more], { at, returnTo: node });
}

/** Asks whether a key that was dropped on a profile's tab, or on a page's light, is to be copied or moved there. */
export function showDropMenu(instance, { profile, page }, node, at) {
  const found = destinations().find(({ to }) => to.profile === profile && to.page === page);
  if (found === undefined) return;
  const { label, to } = found;
  const { context } = instance;
  showMenu(
    nameOf(instance),
    [
      { label: text("copyToNamed", { place: label }), run: () => copyTo(context, to, label) },
      { label: text("moveToNamed", { place: label }), run: () => moveTo(context, to, label) },
    ],
    { at, returnTo: node },
  );
}

/** Runs the shortcut of a keyboard event for an instance (or null) at a place. Returns whether the event is a shortcut. */
export function onShortcut(event, instance, place) {
  const hasCommandKey = IS_MAC ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (!hasCommandKey || event.altKey || event.shiftKey || !isEditing()) return false;
  const commands = {
    x: () => instance && cut(instance.context),
    c: () => instance && copy(instance.context),
    d: () => instance && duplicate(instance.context),
    v: () => paste(instance ?? place),
  };
  const command = commands[event.key.toLowerCase()];
  if (command === undefined) return false;
  event.preventDefault();
  if (!event.repeat) command();
  return true;
}

function pasteItem(place) {
  return { label: text("paste"), shortcut: shortcut("V"), disabled: store.deck.clipboard === null, run: () => paste(place) };
}

// The other pages of the active profile, then the other profiles.
function destinations() {
  const { profiles, active, page, pages } = store.deck;
  const otherPages = pages.map((_, index) => ({ label: text("pageNumber", { number: index + 1 }), to: { page: index } }));
  const others = profiles.filter(({ id }) => id !== active);
  return [
    ...otherPages.filter(({ to }) => to.page !== page),
    ...others.map(({ id, name }) => ({ label: text("profileNamed", { name }), to: { profile: id } })),
  ];
}
