// The Settings dialog: a list of the deck and of all packages with settings, and the settings of the chosen one.

import { DeckSettings } from "./deck-settings.js";
import { element, icon, nameNode, setAttribute } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { moveNoticesInto } from "./toast.js";
import { ViewFrame } from "./view-frame.js";

const dialog = document.getElementById("settings-dialog");
const list = element("ul", { className: "settings-list" });
const holder = element("div", { className: "frame-holder" });
const frame = new ViewFrame(holder, "settings-frame");

/** The list entry of the deck. */
const DECK = "deck";
const deckSettings = new DeckSettings(() => dialog.close());
/** What is shown: the UUID of a package, `DECK`, or null while the dialog is closed. */
let chosen = null;
/** The load count of the chosen package when its page was opened. */
let loads = 0;
let drawn = null;

/** Sets up the dialog and its button in the top bar. */
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
    moveNoticesInto(null);
  });
  document.getElementById("settings-button").addEventListener("click", () => openSettings());
  store.on("packages", () => {
    if (!dialog.open) return;
    draw();
    // A reloaded package has a new settings page.
    if (chosen !== null && chosen !== DECK && store.package(chosen)?.loads !== loads) choose(chosen);
    deckSettings.update();
  });
  store.on("deck", () => dialog.open && deckSettings.update());
}

/** Opens the dialog with a package (its UUID) chosen, or else the first package with settings, or the deck. */
export function openSettings(uuid = null) {
  const withSettings = store.packages.filter((candidate) => candidate.settings);
  const wanted = withSettings.find((candidate) => candidate.uuid === uuid) ?? withSettings[0] ?? null;
  if (!dialog.open) {
    // Another modal dialog would stay open below this one, out of reach.
    document.querySelector("dialog:modal")?.close();
    moveNoticesInto(dialog);
    dialog.showModal();
  }
  draw();
  choose(wanted?.uuid ?? DECK);
}

function draw() {
  const withSettings = store.packages.filter((candidate) => candidate.settings);
  const content = JSON.stringify(withSettings.map(({ uuid, name, version, icon: picture }) => [uuid, name, version, picture]));
  if (content !== drawn) {
    drawn = content;
    list.replaceChildren(item({ uuid: DECK, name: text("product"), icon: "/assets/logo.svg" }), ...withSettings.map(item));
  }
  const isListed = chosen === null || chosen === DECK || withSettings.some((candidate) => candidate.uuid === chosen);
  if (!isListed) choose(DECK);
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
