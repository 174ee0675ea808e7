// The starter Panel: a card on an empty Panel with a preview of the offered keys and a button that places them. A user who
// declines it isn't asked again in that profile.

import * as api from "./api.js";
import { offerUndo } from "./actions.js";
import { element, setAttribute } from "./dom.js";
import { isEditing } from "./mode.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

const panel = document.getElementById("panel");
const card = element("div", { id: "starter", className: "starter", role: "group", hidden: true, "aria-labelledby": "starter-title" });
let drawn = null;

/** Sets up the card, which follows the store from then on. */
export function startStarter() {
  panel.after(card);
  for (const event of ["deck", "packages", "mode", "offered"]) store.on(event, draw);
}

const offered = () => (isEditing() && !store.deck.asleep && store.offered === null ? (store.deck.starter ?? []) : []);

function draw() {
  const keys = offered().map((key) => ({ ...key, shown: widgetOf(key) })).filter(({ shown }) => shown !== null);
  const hadFocus = card.contains(document.activeElement);
  card.hidden = keys.length === 0;
  if (card.hidden && hadFocus) store.requestFocus({ area: "grid", column: 0, row: 0 });
  const content = JSON.stringify(keys);
  if (content === drawn || card.hidden) return;
  drawn = content;
  const placeButton = element("button", { type: "button", id: "starter-place", className: "primary" }, text("starterPlace"));
  const declineButton = element("button", { type: "button", id: "starter-decline" }, text("starterDecline"));
  placeButton.addEventListener("click", accept);
  declineButton.addEventListener("click", decline);
  const owners = [...new Set(keys.map((key) => store.package(key.package).name))];
  card.replaceChildren(
    picture(keys),
    element(
      "div",
      { className: "starter-text" },
      element("h2", { id: "starter-title" }, text("starterTitle")),
      element("p", {}, text("starterSummary", { count: keys.length, packages: owners.join(", ") })),
      element("p", { className: "starter-names" }, keys.map(({ shown }) => shown.name).join(", ")),
      element("div", { className: "starter-buttons" }, placeButton, declineButton),
    ),
  );
  if (hadFocus) placeButton.focus();
}

const widgetOf = (key) => store.package(key.package)?.widgets.find(({ uuid }) => uuid === key.widget) ?? null;

// A small picture of the Panel. It is hidden from screen readers, because the text next to it names the keys.
function picture(keys) {
  const { columns, rows } = store.areas.grid;
  const small = element("div", { className: "starter-picture", "aria-hidden": "true" });
  small.style.setProperty("--columns", columns);
  small.style.setProperty("--rows", rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) small.append(setGridPosition(element("span", {}), { column, row, width: 1, height: 1 }));
  }
  for (const key of keys) {
    const face = setGridPosition(element("span", { className: "starter-key" }), key);
    face.append(element("img", { src: key.shown.icon, alt: "", draggable: false }));
    small.append(face);
  }
  return small;
}

function setGridPosition(node, { column, row, width, height }) {
  node.style.gridColumn = `${column + 1} / span ${width}`;
  node.style.gridRow = `${row + 1} / span ${height}`;
  return node;
}

async function accept() {
  const { revision } = store.deck;
  setAttribute(card, "aria-busy", "true");
  try {
    const { keys } = await api.placeStarter();
    const message = text("starterPlaced", { count: keys });
    offerUndo(message, revision);
    announce(message);
  } catch (error) {
    showError(error);
  }
  setAttribute(card, "aria-busy", null);
}

async function decline() {
  const { profiles, active, preferences } = store.deck;
  // Deleted profiles are dropped from the list.
  const declined = (preferences.withoutStarter ?? []).filter((id) => profiles.some((profile) => profile.id === id));
  const withoutStarter = [...declined, active];
  store.setDeck({ ...store.deck, starter: [], preferences: { ...preferences, withoutStarter } });
  announce(text("starterDeclined"));
  api.setPreferences({ withoutStarter }).catch(showError);
}
