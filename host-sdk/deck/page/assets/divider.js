// The line between the device and the properties: dragged, or moved by the keyboard, it gives either more room. Where it is, is
// remembered.

import * as api from "./api.js";
import { setAttribute } from "./dom.js";
import { store } from "./store.js";
import { showError } from "./toast.js";

/** In percent of the height of both, as the server takes it. */
const LEAST = 15;
const MOST = 80;
const USUAL = 38;
const STEPS = { ArrowUp: 2, ArrowDown: -2, PageUp: 10, PageDown: -10, Home: -MOST, End: MOST };

const divider = document.getElementById("divider");
const workspace = divider.parentElement;
let height = USUAL;

/** Brings the line to life. */
export function startDivider() {
  divider.setAttribute("aria-valuemin", LEAST);
  divider.setAttribute("aria-valuemax", MOST);
  divider.addEventListener("pointerdown", onPointerDown);
  divider.addEventListener("dblclick", () => keep(null));
  divider.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    keep(bounded(height + step));
  });
  store.on("deck", () => {
    if (!("dragged" in divider.dataset)) show(store.deck.preferences.properties ?? USUAL);
  });
  show(USUAL);
}

const bounded = (percent) => Math.min(Math.max(Math.round(percent), LEAST), MOST);

function show(percent) {
  height = percent;
  setAttribute(divider, "aria-valuenow", percent);
  workspace.style.setProperty("--properties", `${percent}%`);
}

function keep(percent) {
  show(percent ?? USUAL);
  api.prefer({ properties: percent }).catch(showError);
}

function onPointerDown(down) {
  if (down.button !== 0) return;
  const before = height;
  const listening = new AbortController();
  const { signal } = listening;
  // It is held where it was taken.
  const offset = down.clientY - divider.getBoundingClientRect().bottom;
  divider.setPointerCapture(down.pointerId);
  divider.dataset.dragged = "";
  const finish = () => {
    listening.abort();
    delete divider.dataset.dragged;
    if (height !== before) keep(height);
  };
  divider.addEventListener(
    "pointermove",
    (event) => {
      const { bottom, height: whole } = workspace.getBoundingClientRect();
      show(bounded(((bottom - event.clientY + offset) / whole) * 100));
    },
    { signal },
  );
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) divider.addEventListener(end, finish, { signal });
}
