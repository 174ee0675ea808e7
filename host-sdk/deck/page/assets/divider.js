// The divider between the device and the properties. It is moved by dragging or with the keyboard, and its position is saved.

import * as api from "./api.js";
import { setAttribute } from "./dom.js";
import { store } from "./store.js";
import { showError } from "./toast.js";

/** Heights of the properties, in percent of the height of both; the server has the same bounds. */
const MIN_PERCENT = 15;
const MAX_PERCENT = 80;
const DEFAULT_PERCENT = 38;
const STEPS = { ArrowUp: 2, ArrowDown: -2, PageUp: 10, PageDown: -10, Home: -MAX_PERCENT, End: MAX_PERCENT };

const divider = document.getElementById("divider");
const workspace = divider.parentElement;
let height = DEFAULT_PERCENT;

/** Sets up the divider. */
export function startDivider() {
  divider.setAttribute("aria-valuemin", MIN_PERCENT);
  divider.setAttribute("aria-valuemax", MAX_PERCENT);
  divider.addEventListener("pointerdown", onPointerDown);
  divider.addEventListener("dblclick", () => save(null));
  divider.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    save(clamp(height + step));
  });
  store.on("deck", () => {
    if (!("dragged" in divider.dataset)) show(store.deck.preferences.properties ?? DEFAULT_PERCENT);
  });
  show(DEFAULT_PERCENT);
}

const clamp = (percent) => Math.min(Math.max(Math.round(percent), MIN_PERCENT), MAX_PERCENT);

function show(percent) {
  height = percent;
  setAttribute(divider, "aria-valuenow", percent);
  workspace.style.setProperty("--properties", `${percent}%`);
}

function save(percent) {
  show(percent ?? DEFAULT_PERCENT);
  api.setPreferences({ properties: percent }).catch(showError);
}

function onPointerDown(down) {
  if (down.button !== 0) return;
  const initialHeight = height;
  const listening = new AbortController();
  const { signal } = listening;
  // Keep the pointer at the point where it grabbed the divider.
  const offset = down.clientY - divider.getBoundingClientRect().bottom;
  divider.setPointerCapture(down.pointerId);
  divider.dataset.dragged = "";
  const finish = () => {
    listening.abort();
    delete divider.dataset.dragged;
    if (height !== initialHeight) save(height);
  };
  divider.addEventListener(
    "pointermove",
    (event) => {
      const { bottom, height: whole } = workspace.getBoundingClientRect();
      show(clamp(((bottom - event.clientY + offset) / whole) * 100));
    },
    { signal },
  );
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) divider.addEventListener(end, finish, { signal });
}
