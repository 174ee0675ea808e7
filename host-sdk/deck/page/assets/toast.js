// Notices: short ones that go by themselves, errors that stay until they are dismissed, and cards that ask something without
// stopping everything else. Also the voice for screen readers.

import { element, icon, setText } from "./dom.js";
import { text } from "./strings.js";

const SHORT_MS = 5000;

const container = document.getElementById("toasts");
const announcer = document.getElementById("announcer");

/** Where the focus was before it went to a notice. */
let before = null;

container.addEventListener("focusin", ({ relatedTarget }) => {
  if (!container.contains(relatedTarget)) before = relatedTarget;
});

/** Says `words` to screen readers, without showing them. */
export function announce(words) {
  // The same words once more are news only if they differ.
  setText(announcer, announcer.textContent === words ? `${words}\u00a0` : words);
}

// A notice that had the focus gives it back.
function remove(toast) {
  const focused = toast.contains(document.activeElement);
  toast.remove();
  if (focused) (before?.isConnected ? before : document.querySelector("#panel [tabindex='0']"))?.focus();
}

/**
 * Shows a notice that goes by itself, or sooner by the function that this answers, which has its element as `node`. `offer`, if given, is a button in it:
 * `words` on it, `act()` when it is pressed. `detail` stands below it in small letters.
 */
export function showNotice(words, offer = null, detail = null) {
  const button = offer && element("button", { type: "button" }, offer.words);
  const toast = show("notice", words, button, detail && element("p", { className: "toast-detail" }, detail));
  // The user reads and decides: that takes longer than a notice that asks nothing.
  const duration = offer === null ? SHORT_MS : 2 * SHORT_MS;
  button?.addEventListener("click", () => {
    remove(toast);
    offer.act();
  });
  setTimeout(() => remove(toast), duration);
  return Object.assign(() => remove(toast), { node: toast });
}

/** Shows what went wrong (an Error, or words) until the user dismisses it. The same error is shown once. */
export function showError(error) {
  const words = error instanceof Error ? error.message : String(error);
  for (const shown of container.children) {
    if (shown.dataset.kind === "error" && shown.querySelector("p").textContent === words) return;
  }
  show("error", words);
}

/**
 * Shows a card of several elements, named `label`, until the function that this answers takes it away. It doesn't take the
 * focus: what comes by itself must not be answered by a key that was meant for something else.
 */
export function showCard(label, ...content) {
  const toast = element("div", { className: "toast card", "data-kind": "link", role: "group", "aria-label": label });
  toast.append(...content.filter((part) => part !== null));
  container.append(toast);
  return () => remove(toast);
}

/** Moves the notices into an open modal dialog, outside of which nothing can be clicked; null brings them back. */
export function keepNoticesIn(dialog) {
  (dialog ?? document.body).append(container);
}

function show(kind, words, ...more) {
  const close = element(
    "button",
    { type: "button", className: "icon-button", title: text("dismiss"), "aria-label": text("dismiss") },
    icon("close"),
  );
  const toast = element("div", { className: "toast", "data-kind": kind }, element("p", {}, words), ...more, close);
  if (kind === "error") toast.setAttribute("role", "alert");
  close.addEventListener("click", () => remove(toast));
  container.append(toast);
  return toast;
}
