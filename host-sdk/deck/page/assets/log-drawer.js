// The log: what the host and the packages say, as it happens, with a filter by package, a pause and a way to clear it.

import * as api from "./api.js";
import { element, icon, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

/** How many entries are kept; the server keeps as many. */
const LIMIT = 500;
/** The filter's value for entries of the host itself, which have no package. */
const HOST = "host";

const drawer = document.getElementById("log-drawer");
const button = document.getElementById("log-button");
const lines = element("ol", { className: "log-lines", tabIndex: 0 });
const filter = element("select", { id: "log-filter" });
const pauseButton = element("button", { type: "button", id: "log-pause", "aria-pressed": "false" });
const missed = element("p", { className: "log-missed", role: "status" });
const empty = element("p", { className: "muted log-empty" });

let entries = [];
let waiting = [];
let paused = false;
let drawing = false;

/** Brings the drawer and its button to life. */
export function startLog() {
  const close = element(
    "button",
    { type: "button", className: "icon-button", title: text("closeLog"), "aria-label": text("closeLog") },
    icon("close"),
  );
  const clear = element("button", { type: "button", id: "log-clear" }, text("clear"));
  setText(empty, text("noLog"));
  lines.setAttribute("aria-label", text("log"));
  drawer.replaceChildren(
    element("header", {}, element("h2", {}, text("log")), close),
    element(
      "div",
      { className: "log-tools" },
      element("label", { className: "visually-hidden", htmlFor: "log-filter" }, text("filterLog")),
      filter,
      pauseButton,
      clear,
    ),
    missed,
    empty,
    lines,
  );
  button.addEventListener("click", () => setOpen(drawer.hidden));
  close.addEventListener("click", () => {
    setOpen(false);
    button.focus();
  });
  drawer.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    setOpen(false);
    button.focus();
  });
  clear.addEventListener("click", () => {
    entries = [];
    waiting = [];
    redraw();
  });
  pauseButton.addEventListener("click", () => setPaused(!paused));
  filter.addEventListener("change", redraw);
  store.on("packages", drawFilter);
  drawFilter();
  setPaused(false);
}

/** Takes one entry of the event socket. */
export function addLogEntry(entry) {
  (paused ? waiting : entries).push(entry);
  trim(entries);
  trim(waiting);
  later();
}

/** Reads what the server has kept; after a reconnect too, when entries may have been missed. */
export async function loadLog() {
  try {
    const kept = await api.getLog();
    // What came by the socket meanwhile is in the answer, or newer than all of it.
    const newest = kept.at(-1)?.time ?? 0;
    entries = [...kept, ...entries.filter((entry) => entry.time > newest)];
    trim(entries);
    redraw();
  } catch (error) {
    showError(error);
  }
}

function trim(list) {
  if (list.length > LIMIT) list.splice(0, list.length - LIMIT);
}

function setOpen(open) {
  drawer.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  if (!open) return;
  redraw();
  filter.focus();
}

function setPaused(value) {
  paused = value;
  pauseButton.setAttribute("aria-pressed", String(paused));
  setText(pauseButton, text(paused ? "resume" : "pause"));
  if (!paused) {
    entries.push(...waiting);
    waiting = [];
    trim(entries);
  }
  redraw();
}

function drawFilter() {
  const options = [
    ["", text("allPackages")],
    [HOST, text("host")],
    ...store.packages.map(({ uuid, name }) => [uuid, name]),
  ];
  if (JSON.stringify(options) === filter.dataset.drawn) return;
  const value = filter.value;
  filter.dataset.drawn = JSON.stringify(options);
  filter.replaceChildren(...options.map(([key, name]) => element("option", { value: key }, name)));
  filter.value = options.some(([key]) => key === value) ? value : "";
}

// Entries may come by the hundred: they are drawn once a frame.
function later() {
  if (drawing || drawer.hidden) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    redraw();
  });
}

const nodes = new WeakMap();

function redraw() {
  if (drawer.hidden) return;
  const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
  const wanted = entries.filter((entry) => filter.value === "" || (entry.package ?? HOST) === filter.value);
  const keep = new Set();
  for (const entry of wanted) {
    if (!nodes.has(entry)) nodes.set(entry, line(entry));
    keep.add(nodes.get(entry));
  }
  for (const node of [...lines.children]) if (!keep.has(node)) node.remove();
  // The entries keep their order, so what is missing is put before what follows it.
  let position = lines.firstChild;
  for (const node of keep) {
    if (node === position) position = position.nextSibling;
    else lines.insertBefore(node, position);
  }
  empty.hidden = wanted.length > 0;
  setText(missed, waiting.length > 0 ? text("pausedCount", { count: waiting.length }) : "");
  if (atEnd) lines.scrollTop = lines.scrollHeight;
}

function line({ time, package: owner, level, message }) {
  const when = new Date(time);
  const name = owner === null ? text("host") : (store.package(owner)?.name ?? owner);
  return element(
    "li",
    { "data-level": level },
    element("time", { dateTime: when.toISOString() }, when.toLocaleTimeString([], { hour12: false })),
    element("span", { className: "log-level" }, text(`level.${level}`)),
    element("span", { className: "log-package" }, name),
    element("span", { className: "log-message" }, message),
  );
}
