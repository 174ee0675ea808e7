// The log: lines of the host and of packages, and every message between them, live; with filters by package, kind, event and
// text, and buttons to pause and to clear it. Messages are fetched only while the drawer is open, and at the page's own rate, so
// that packages that send thousands a second don't slow down the page.

import * as api from "./api.js";
import { element, icon, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

/** The most log lines and messages that are kept; the server has the same limits. */
const LIMITS = { log: 500, messages: 2000 };
/** The most lines that are drawn: the newest that pass the filter. */
const MAX_LINES = 400;
/** The most lines that are drawn while more than these arrive between two redraws and scroll away before they can be read. */
const MAX_LINES_IN_BURST = 60;
/** Interval between two requests for messages, and between two redraws. */
const INTERVAL_MS = 200;
/** How long a request waits for messages. */
const WAIT_MS = 20_000;
/** Delay after a failed request; the event socket shows the error to the user. */
const RETRY_MS = 2000;
/** The filter's value for entries of the host itself, which have no package. */
const HOST = "host";
const KINDS = ["all", "log", "messages", "in", "out"];

const drawer = document.getElementById("log-drawer");
const button = document.getElementById("log-button");
const lines = element("ol", { className: "log-lines", tabIndex: 0 });
const filter = element("select", { id: "log-filter" });
const kind = element("select", { id: "log-kind" });
const eventFilter = element("select", { id: "log-event" });
const search = element("input", { id: "log-search", type: "search", autocomplete: "off", spellcheck: false });
const pauseButton = element("button", { type: "button", id: "log-pause", "aria-pressed": "false" });
const notes = element("p", { className: "log-notes", role: "status" });
const empty = element("p", { className: "muted log-empty" });

/** The entries of each list, `log` and `messages`. While paused, new entries go to `buffered`. */
let shown = { log: [], messages: [] };
let buffered = { log: [], messages: [] };
/** Names of received events, for the filter. */
const events = new Set();
let paused = false;
let redrawTimer = null;
/** Number of entries received since the last redraw. */
let newCount = 0;
/** Number of the newest message received, and how many messages the server dropped before they could be fetched. */
let lastNumber = 0;
let droppedCount = 0;
/** The controller that aborts fetching messages; null while none are fetched. */
let fetching = null;

/** Sets up the drawer and its button. */
export function startLog() {
  const close = element(
    "button",
    { type: "button", className: "icon-button", title: text("closeLog"), "aria-label": text("closeLog") },
    icon("close"),
  );
  const clear = element("button", { type: "button", id: "log-clear" }, text("clear"));
  kind.replaceChildren(...KINDS.map((key) => element("option", { value: key }, text(`logKinds.${key}`))));
  search.setAttribute("aria-label", text("searchLog"));
  search.placeholder = text("searchLog");
  lines.setAttribute("aria-label", text("log"));
  drawer.replaceChildren(
    element("header", {}, element("h2", {}, text("log")), close),
    element(
      "div",
      { className: "log-tools" },
      element("label", { className: "visually-hidden", htmlFor: "log-filter" }, text("filterLog")),
      filter,
      element("label", { className: "visually-hidden", htmlFor: "log-kind" }, text("logKind")),
      kind,
      element("label", { className: "visually-hidden", htmlFor: "log-event" }, text("logEvent")),
      eventFilter,
      search,
      pauseButton,
      clear,
    ),
    notes,
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
    shown = { log: [], messages: [] };
    buffered = { log: [], messages: [] };
    droppedCount = 0;
    redraw();
  });
  pauseButton.addEventListener("click", () => setPaused(!paused));
  for (const control of [filter, kind, eventFilter]) control.addEventListener("change", redraw);
  search.addEventListener("input", scheduleRedraw);
  store.on("packages", drawFilter);
  drawFilter();
  setPaused(false);
}

/** Opens the drawer. */
export function openLog() {
  setOpen(true);
}

/** Adds a log line that was received from the event socket. */
export function addLogEntry(entry) {
  add("log", [entry]);
}

/** Loads the lines that the server has kept, at start and after a reconnect, when lines may have been missed. */
export async function loadLog() {
  try {
    const entries = await api.getLog();
    // Lines received from the socket in the meantime are either in the response or newer than all of it.
    const newest = entries.at(-1)?.time ?? 0;
    shown.log = [...entries, ...shown.log.filter((entry) => entry.time > newest)];
    trim(shown);
    redraw();
  } catch (error) {
    showError(error);
  }
}

function add(list, entries) {
  const lists = paused ? buffered : shown;
  lists[list].push(...entries);
  trim(lists);
  newCount += entries.length;
  scheduleRedraw();
}

function trim(lists) {
  for (const [name, limit] of Object.entries(LIMITS)) {
    const list = lists[name];
    if (list.length > limit) list.splice(0, list.length - limit);
  }
}

async function fetchMessages() {
  const controller = new AbortController();
  fetching = controller;
  while (!controller.signal.aborted) {
    let delay = INTERVAL_MS;
    try {
      const response = await api.getMessages(lastNumber, WAIT_MS, controller.signal);
      if (controller.signal.aborted) return;
      addMessages(response);
    } catch {
      delay = RETRY_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

function addMessages({ messages, last }) {
  // A restarted server numbers messages from the start again, but then the page reloads.
  const first = messages[0]?.number ?? last + 1;
  if (lastNumber > 0 && first > lastNumber + 1) droppedCount += first - lastNumber - 1;
  lastNumber = last;
  const previousSize = events.size;
  for (const { event } of messages) if (event !== "" && events.size < 200) events.add(event);
  if (events.size !== previousSize) drawEvents();
  if (messages.length > 0) add("messages", messages);
}

function setOpen(open) {
  drawer.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  fetching?.abort();
  fetching = null;
  if (!open) return;
  fetchMessages();
  redraw();
  filter.focus();
}

function setPaused(value) {
  paused = value;
  pauseButton.setAttribute("aria-pressed", String(paused));
  setText(pauseButton, text(paused ? "resume" : "pause"));
  if (!paused) {
    for (const name of Object.keys(LIMITS)) shown[name].push(...buffered[name]);
    buffered = { log: [], messages: [] };
    trim(shown);
  }
  redraw();
}

function drawFilter() {
  drawOptions(filter, [
    ["", text("allPackages")],
    [HOST, text("host")],
    ...store.packages.map(({ uuid, name }) => [uuid, name]),
  ]);
  drawEvents();
}

function drawEvents() {
  drawOptions(eventFilter, [["", text("allEvents")], ...[...events].sort().map((event) => [event, event])]);
}

function drawOptions(select, options) {
  if (JSON.stringify(options) === select.dataset.drawn) return;
  const value = select.value;
  select.dataset.drawn = JSON.stringify(options);
  select.replaceChildren(...options.map(([key, name]) => element("option", { value: key }, name)));
  select.value = options.some(([key]) => key === value) ? value : "";
}

// Hundreds of entries may arrive at once, so redraws are limited to a few a second.
function scheduleRedraw() {
  if (redrawTimer !== null || drawer.hidden) return;
  redrawTimer = setTimeout(redraw, INTERVAL_MS);
}

const isMessage = (entry) => entry.number !== undefined;

function passes(entry, searchText) {
  if (filter.value !== "" && (entry.package ?? HOST) !== filter.value) return false;
  if (eventFilter.value !== "" && entry.event !== eventFilter.value) return false;
  switch (kind.value) {
    case "log":
      if (isMessage(entry)) return false;
      break;
    case "messages":
      if (!isMessage(entry)) return false;
      break;
    case "in":
    case "out":
      if (entry.direction !== kind.value) return false;
      break;
  }
  if (searchText === "") return true;
  const content = isMessage(entry) ? `${entry.event} ${entry.context ?? ""} ${entry.body}` : entry.message;
  return content.toLowerCase().includes(searchText);
}

/** Returns the newest entries of both lists that pass the filter, at most `limit`, oldest first. */
function visibleEntries(limit) {
  const searchText = search.value.trim().toLowerCase();
  const newest = (list) => {
    const found = [];
    for (let at = list.length - 1; at >= 0 && found.length < limit; at -= 1) {
      if (passes(list[at], searchText)) found.push(list[at]);
    }
    return found.reverse();
  };
  // Both lists are ordered by time, and the sort is stable.
  return [...newest(shown.log), ...newest(shown.messages)].sort((a, b) => a.time - b.time).slice(-limit);
}

const nodes = new WeakMap();

function redraw() {
  clearTimeout(redrawTimer);
  redrawTimer = null;
  if (drawer.hidden) return;
  const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
  const isBurst = !paused && atEnd && newCount > MAX_LINES_IN_BURST;
  newCount = 0;
  const visible = visibleEntries(isBurst ? MAX_LINES_IN_BURST : MAX_LINES);
  const visibleNodes = new Set();
  for (const entry of visible) {
    if (!nodes.has(entry)) nodes.set(entry, line(entry));
    visibleNodes.add(nodes.get(entry));
  }
  for (const node of [...lines.children]) if (!visibleNodes.has(node)) node.remove();
  // The order of entries never changes, so each missing line is inserted before its successor.
  let position = lines.firstChild;
  for (const node of visibleNodes) {
    if (node === position) position = position.nextSibling;
    else lines.insertBefore(node, position);
  }
  const isEmpty = shown.log.length + shown.messages.length === 0;
  setText(empty, text(isEmpty ? "noLog" : "noLogMatch"));
  empty.hidden = visible.length > 0;
  const bufferedCount = buffered.log.length + buffered.messages.length;
  const parts = [];
  if (bufferedCount > 0) parts.push(text("pausedCount", { count: bufferedCount }));
  if (droppedCount > 0) parts.push(text("messagesDropped", { count: droppedCount }));
  setText(notes, parts.join(" · "));
  if (atEnd) lines.scrollTop = lines.scrollHeight;
  // After the burst, the next redraw shows the omitted lines again.
  if (isBurst) scheduleRedraw();
}

// Created once, because creating a formatter takes longer than drawing a line.
const clockTime = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function line(entry) {
  const { time, package: owner } = entry;
  const when = new Date(time);
  const name = owner === null ? text("host") : (store.package(owner)?.name ?? owner);
  const clock = element("time", { dateTime: when.toISOString() }, clockTime.format(when));
  if (!isMessage(entry)) {
    return element(
      "li",
      { "data-level": entry.level },
      clock,
      element("span", { className: "log-level" }, text(`level.${entry.level}`)),
      element("span", { className: "log-package" }, name),
      element("span", { className: "log-message" }, entry.message),
    );
  }
  const source = [name, entry.page ? text("page") : null, text("logSize", { size: entry.size })];
  return element(
    "li",
    { "data-direction": entry.direction },
    clock,
    element("span", { className: "log-level" }, text(`direction.${entry.direction}`)),
    element("span", { className: "log-package" }, source.filter((part) => part !== null).join(", ")),
    element("span", { className: "log-event" }, [entry.event, entry.context].filter(Boolean).join("  ")),
    element("span", { className: "log-message" }, entry.body),
  );
}
