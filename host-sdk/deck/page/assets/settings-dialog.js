// The Settings dialog: on the left the deck itself and the packages that have settings, on the right the settings of the chosen
// one.

import { DeckSettings } from "./deck-settings.js";
import { element, icon, nameNode, setAttribute } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { keepNoticesIn } from "./toast.js";
import { ViewFrame } from "./view-frame.js";

const dialog = document.getElementById("settings-dialog");
const list = element("ul", { className: "settings-list" });
const holder = element("div", { className: "frame-holder" });
const frame = new ViewFrame(holder, "settings-frame");

/** The entry of the deck itself. */
const DECK = "deck";
const deckSettings = new DeckSettings(() => dialog.close());
/** What is shown: the UUID of a package, `DECK`, or null while the dialog is closed. */
let chosen = null;
/** Which loading of the chosen package the page is of. */
let loads = 0;
let drawn = null;

/** Brings the dialog and its button in the top bar to life. */
export function startSettings() {
  const close = element(
    "button",
    { type: "button", id: "settings-close", className: "icon-button", title: text("close"), "aria-label": text("close") },
    icon("close"),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(
    element("div", { className: "dialog-header" }, element("h2", { id: "settings-title" }, text("settings")), close),
    element(
      "div",
      { className: "settings-body" },
      element("nav", { "aria-label": text("settings") }, list),
      holder,
      deckSettings.node,
    ),
  );
  dialog.addEventListener("close", () => {
    choose(null);
    keepNoticesIn(null);
  });
  document.getElementById("settings-button").addEventListener("click", () => openSettings());
  store.on("packages", () => {
    if (!dialog.open) return;
    draw();
    // A package that was loaded again brings another page.
    if (chosen !== null && chosen !== DECK && store.package(chosen)?.loads !== loads) choose(chosen);
    deckSettings.update();
  });
  store.on("deck", () => dialog.open && deckSettings.update());
}

/** Opens the dialog at a package (its UUID); without one, or with one that has no settings, at the first that has, or the deck. */
export function openSettings(uuid = null) {
  const able = store.packages.filter((candidate) => candidate.settings);
  const wanted = able.find((candidate) => candidate.uuid === uuid) ?? able[0] ?? null;
  if (!dialog.open) {
    // Another modal dialog would lie beneath and could not be reached.
    document.querySelector("dialog:modal")?.close();
    keepNoticesIn(dialog);
    dialog.showModal();
  }
  draw();
  choose(wanted?.uuid ?? DECK);
}

function draw() {
  const able = store.packages.filter((candidate) => candidate.settings);
  const content = JSON.stringify(able.map(({ uuid, name, version, icon: picture }) => [uuid, name, version, picture]));
  if (content !== drawn) {
    drawn = content;
    list.replaceChildren(item({ uuid: DECK, name: text("product"), icon: "/assets/logo.svg" }), ...able.map(item));
  }
  const isThere = chosen === null || chosen === DECK || able.some((candidate) => candidate.uuid === chosen);
  if (!isThere) choose(DECK);
}

function item({ uuid, name, icon: picture }) {
  const button = element("button", { type: "button", "data-package": uuid });
  if (picture) button.append(element("img", { src: picture, alt: "", width: 50, height: 36 }));
  button.append(nameNode(name));
  setAttribute(button, "aria-current", chosen === uuid ? "true" : null);
  button.addEventListener("click", () => choose(uuid));
  return element("li", {}, button);
}

function choose(uuid) {
  const owner = uuid === null || uuid === DECK ? null : store.package(uuid);
  if (uuid === chosen && owner?.loads === loads) return;
  chosen = uuid;
  loads = owner?.loads;
  for (const button of list.querySelectorAll("button")) {
    setAttribute(button, "aria-current", button.dataset.package === uuid ? "true" : null);
  }
  deckSettings.node.hidden = uuid !== DECK;
  holder.hidden = uuid === DECK;
  if (uuid === DECK) deckSettings.refresh();
  if (owner === null) frame.close();
  else frame.open({ package: uuid }, text("settingsOf", { name: owner.name }));
}
