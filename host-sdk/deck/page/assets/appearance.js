// The page's colour scheme: the system's, or the one that the user has chosen.

import { setAttribute } from "./dom.js";
import { store } from "./store.js";

/** Applies the chosen colour scheme, now and whenever it changes. */
export function startAppearance() {
  store.on("deck", () => {
    const { appearance } = store.deck.preferences;
    setAttribute(document.documentElement, "data-appearance", appearance === "system" ? null : appearance);
  });
}
