// Notices: short ones that disappear automatically, errors that stay until they are dismissed, and cards that ask a question
// without blocking the page. Also announcements for screen readers.

import { element, icon, setText } from "./dom.js";
import { text } from "./strings.js";

const NOTICE_MS = 5000;

const container = document.getElementById("toasts");
const announcer = document.getElementById("announcer");

/** The element that had the focus before a notice received it. */
let previousFocus = null;

container.addEventListener("focusin", ({ relatedTarget }) => {
  if (!container.contains(relatedTarget)) previousFocus = relatedTarget;
});

/** Announces `message` to screen readers without showing it. */
export function announce(message) {
  // Screen readers announce only changed text, so a repeated message gets a trailing space.
  setText(announcer, announcer.textContent === message ? `${message}\u00a0` : message);
}

// Returns the focus to where it was if the notice had it.
function remove(toast) {
  const focused = toast.contains(document.activeElement);
  toast.remove();
  if (focused) (previousFocus?.isConnected ? previousFocus : document.querySelector("#panel [tabindex='0']"))?.focus();
}

/**
 * Shows a notice that disappears after a while. Returns a function that removes it earlier, with the notice's element as its
 * property `node`. `action`, if given, adds a button: `label` is its text, `run()` is called when it is clicked. `detail` is
 * shown below the message in small letters.
 */
export function showNotice(message, action = null, detail = null) {
  const button = action && element("button", { type: "button" }, action.label);
  const toast = show("notice", message, button, detail && element("p", { className: "toast-detail" }, detail));
  // With a button, the user needs time to read and to decide.
  const duration = action === null ? NOTICE_MS : 2 * NOTICE_MS;
  button?.addEventListener("click", () => {
    remove(toast);
    action.run();
  });
  setTimeout(() => remove(toast), duration);
  return Object.assign(() => remove(toast), { node: toast });
}

/** Shows an error (an `Error` or a message) until the user dismisses it. An error that is already shown isn't shown twice. */
export function showError(error) {
  const message = error instanceof Error ? error.message : String(error);
  for (const shown of container.children) {
    if (shown.dataset.kind === "error" && shown.querySelector("p").textContent === message) return;
  }
  show("error", message);
}

/**
 * Shows a card of several elements, named `label`. Returns a function that removes it. The card doesn't take the focus, so that
 * a key press intended for something else can't answer it.
 */
export function showCard(label, ...content) {
  const toast = element("div", { className: "toast card", "data-kind": "link", role: "group", "aria-label": label });
  toast.append(...content.filter((part) => part !== null));
  container.append(toast);
  return () => remove(toast);
}

/** Moves the notices into an open modal dialog, outside of which nothing can be clicked; null moves them back to the page. */
export function moveNoticesInto(dialog) {
  (dialog ?? document.body).append(container);
}

function show(kind, message, ...more) {
  const close = element(
    "button",
    { type: "button", className: "icon-button", title: text("dismiss"), "aria-label": text("dismiss") },
    icon("close"),
  );
  const toast = element("div", { className: "toast", "data-kind": kind }, element("p", {}, message), ...more, close);
  if (kind === "error") toast.setAttribute("role", "alert");
  close.addEventListener("click", () => remove(toast));
  container.append(toast);
  return toast;
}
