// A widget that was clicked in the Widget List is offered to the Panel: its free places are marked, and a click on one of them, or
// Enter, puts the widget there. Escape, or another click on the widget, takes the offer back.

import { place } from "./actions.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce } from "./toast.js";

/** What is offered: `{widget, layout, node}`; null while there is nothing. */
let offered = null;

/** Offers a widget in a layout; `node` is its element in the list. The same once more takes the offer back. */
export function offer(widget, layout, node) {
  const isSame = offered?.widget.uuid === widget.uuid;
  withdraw();
  if (isSame) return;
  offered = { widget, layout, node };
  node.setAttribute("aria-pressed", "true");
  store.offer(size());
  announce(text("offered", { name: widget.name }));
}

/** Takes back what is offered. */
export function withdraw() {
  if (offered === null) return;
  offered.node.removeAttribute("aria-pressed");
  offered = null;
  store.offer(null);
}

/** Puts down what is offered at a place, where it fits. Returns whether anything is offered. */
export function accept(where) {
  if (offered === null) return false;
  const { widget, layout } = offered;
  if (store.fits({ ...where, ...size() })) {
    withdraw();
    place(widget, layout, where).then((instance) => instance && store.point(instance));
  } else {
    announce(text("heldOverTaken", { place: "" }));
  }
  return true;
}

/** The name of what is offered. */
export const offeredName = () => offered?.widget.name ?? "";

const size = () => {
  const { width, height } = offered.widget.layouts[offered.layout];
  return { width, height };
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") withdraw();
});
store.on("mode", withdraw);
store.on("packages", () => {
  if (offered !== null && !offered.node.isConnected) withdraw();
});
