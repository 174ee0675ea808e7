// The page's two modes: in Edit a click selects a key, so that it can be moved and configured; in Use it presses the key.
// Handles the switch in the top bar and its keyboard shortcut.

import * as api from "./api.js";
import { setAttribute } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** Switches the mode. Not a letter, because those go to the focused element. */
const SHORTCUT = "F2";

const buttons = { edit: document.getElementById("mode-edit"), use: document.getElementById("mode-use") };
const help = document.getElementById("panel-help");

/** Sets up the switch and its shortcut. */
export function startModes() {
  for (const [mode, button] of Object.entries(buttons)) {
    button.title = text("modeTitle", { hint: text(`modeHint.${mode}`), key: SHORTCUT });
    button.setAttribute("aria-keyshortcuts", SHORTCUT);
    button.addEventListener("click", () => change(mode));
  }
  document.addEventListener("keydown", (event) => {
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (event.key !== SHORTCUT || hasModifier || event.repeat || document.querySelector("dialog:modal") !== null) return;
    event.preventDefault();
    change(isEditing() ? "use" : "edit");
  });
  store.on("mode", draw);
  draw();
}

/** Returns whether clicks on the Panel select keys instead of pressing them. */
export const isEditing = () => store.mode === "edit";

function change(mode) {
  if (store.mode === mode) return;
  store.setMode(mode);
  announce(text(`modeOn.${mode}`));
  api.setPreferences({ mode }).catch(showError);
}

function draw() {
  const { mode } = store;
  document.body.dataset.mode = mode;
  help.textContent = text(`panelHelp.${mode}`);
  for (const [name, button] of Object.entries(buttons)) setAttribute(button, "aria-pressed", name === mode);
}
