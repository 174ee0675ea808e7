// The two modes of the page. In Edit a click selects a key, to move it and to set it; in Use it presses the key. The switch in the
// top bar, the key for it, and what the page shows of either.

import * as api from "./api.js";
import { setAttribute } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The key that switches. Not a letter: those are for what has the focus. */
const KEY = "F2";

const buttons = { edit: document.getElementById("mode-edit"), use: document.getElementById("mode-use") };
const help = document.getElementById("panel-help");

/** Brings the switch and its key to life. */
export function startModes() {
  for (const [mode, button] of Object.entries(buttons)) {
    button.title = text("modeTitle", { what: text(`modeHint.${mode}`), key: KEY });
    button.setAttribute("aria-keyshortcuts", KEY);
    button.addEventListener("click", () => change(mode));
  }
  document.addEventListener("keydown", (event) => {
    const bare = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key !== KEY || !bare || event.repeat || document.querySelector("dialog:modal") !== null) return;
    event.preventDefault();
    change(isEditing() ? "use" : "edit");
  });
  store.on("mode", draw);
  draw();
}

/** Whether clicks on the Panel select keys instead of pressing them. */
export const isEditing = () => store.mode === "edit";

function change(mode) {
  if (store.mode === mode) return;
  store.setMode(mode);
  announce(text(`modeOn.${mode}`));
  api.prefer({ mode }).catch(showError);
}

function draw() {
  const { mode } = store;
  document.body.dataset.mode = mode;
  help.textContent = text(`panelHelp.${mode}`);
  for (const [name, button] of Object.entries(buttons)) setAttribute(button, "aria-pressed", name === mode);
}
