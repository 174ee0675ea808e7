// The page's colours: as the system has them, or as the user has chosen.

import { setAttribute } from "./dom.js";
import { store } from "./store.js";

/** Keeps the page's colours as they are chosen. */
export function startAppearance() {
  store.on("deck", () => {
    const { appearance } = store.deck.preferences;
    setAttribute(document.documentElement, "data-appearance", appearance === "system" ? null : appearance);
  });
}
