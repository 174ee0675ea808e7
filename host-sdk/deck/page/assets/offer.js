// A widget that was clicked in the Widget List is offered to the Panel: places where it fits are marked, and a click on one of
// them, or Enter, puts the widget there. Escape, or another click on the widget, cancels.

import { place } from "./actions.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce } from "./toast.js";

/** The offered widget: `{widget, layout, node}`, or null. */
let offered = null;

/** Offers a widget in a layout; `node` is its element in the list. Offering the same widget again cancels. */
export function offer(widget, layout, node) {
  const isSame = offered?.widget.uuid === widget.uuid;
  withdraw();
  if (isSame) return;
  offered = { widget, layout, node };
  node.setAttribute("aria-pressed", "true");
  store.offer(size());
  announce(text("offered", { name: widget.name }));
}

/** Cancels the offer. */
export function withdraw() {
  if (offered === null) return;
  offered.node.removeAttribute("aria-pressed");
  offered = null;
  store.offer(null);
}

/** Places the offered widget if it fits there. Returns whether a widget is offered. */
export function accept(where) {
  if (offered === null) return false;
  const { widget, layout } = offered;
  if (store.fits({ ...where, ...size() })) {
    withdraw();
    place(widget, layout, where).then((instance) => instance && store.requestFocus(instance));
  } else {
    announce(text("carriedOverTaken", { place: "" }));
  }
  return true;
}

/** Returns the name of the offered widget. */
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
