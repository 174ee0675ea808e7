// The log: what the host and the packages say, and every message between them, as it happens; with filters by package,
// kind, event and text, a pause, and a way to clear it. Messages are fetched while the drawer is open only, at a pace of
// the page's own, so that packages that say thousands a second slow nobody down.

import * as api from "./api.js";
import { element, icon, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

/** Log lines and messages that are kept, each; the server keeps no more of either. */
const LIMITS = { log: 500, messages: 2000 };
/** Lines that are drawn: the newest of those that pass the filter. */
const DRAWN = 400;
/** Lines that are drawn while more than these come between two drawings: nobody reads more before they are gone. */
const DRAWN_IN_A_RUSH = 60;
/** Pause between two fetches of messages, and between two drawings. */
const PACE_MS = 200;
/** How long a fetch of messages waits for one. */
const WAIT_MS = 20_000;
/** Pause after a fetch that failed; the event socket says so to the user. */
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
const missed = element("p", { className: "log-missed", role: "status" });
const empty = element("p", { className: "muted log-empty" });

/** What has come, by its list: `log` and `messages`. While paused, `waiting` takes it. */
let shown = { log: [], messages: [] };
let waiting = { log: [], messages: [] };
/** Events that have been seen, for the filter. */
const events = new Set();
let paused = false;
let drawing = null;
/** How many have come since the last drawing. */
let fresh = 0;
/** The number of the newest message that has come, and how many were dropped before they could. */
let last = 0;
let lost = 0;
/** Ends the fetching of messages; null while there is none. */
let fetching = null;

/** Brings the drawer and its button to life. */
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
    shown = { log: [], messages: [] };
    waiting = { log: [], messages: [] };
    lost = 0;
    redraw();
  });
  pauseButton.addEventListener("click", () => setPaused(!paused));
  for (const control of [filter, kind, eventFilter]) control.addEventListener("change", redraw);
  search.addEventListener("input", later);
  store.on("packages", drawFilter);
  drawFilter();
  setPaused(false);
}

/** Opens the drawer, if it isn't open. */
export function openLog() {
  setOpen(true);
}

/** Takes one entry of the event socket. */
export function addLogEntry(entry) {
  add("log", [entry]);
}

/** Reads what the server has kept; after a reconnect too, when entries may have been missed. */
export async function loadLog() {
  try {
    const kept = await api.getLog();
    // What came by the socket meanwhile is in the answer, or newer than all of it.
    const newest = kept.at(-1)?.time ?? 0;
    shown.log = [...kept, ...shown.log.filter((entry) => entry.time > newest)];
    trim(shown);
    redraw();
  } catch (error) {
    showError(error);
  }
}

function add(list, entries) {
  const to = paused ? waiting : shown;
  to[list].push(...entries);
  trim(to);
  fresh += entries.length;
  later();
}

function trim(lists) {
  for (const [name, limit] of Object.entries(LIMITS)) {
    const list = lists[name];
    if (list.length > limit) list.splice(0, list.length - limit);
  }
}

async function fetchMessages() {
  const ending = new AbortController();
  fetching = ending;
  while (!ending.signal.aborted) {
    let pause = PACE_MS;
    try {
      const answer = await api.getMessages(last, WAIT_MS, ending.signal);
      if (ending.signal.aborted) return;
      takeMessages(answer);
    } catch {
      pause = RETRY_MS;
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

function takeMessages(answer) {
  // A server that was started again counts from the start; the page is about to load itself again.
  const first = answer.messages[0]?.number ?? answer.last + 1;
  if (last > 0 && first > last + 1) lost += first - last - 1;
  last = answer.last;
  const known = events.size;
  for (const { event } of answer.messages) if (event !== "" && events.size < 200) events.add(event);
  if (events.size !== known) drawEvents();
  if (answer.messages.length > 0) add("messages", answer.messages);
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
    for (const name of Object.keys(LIMITS)) shown[name].push(...waiting[name]);
    waiting = { log: [], messages: [] };
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

// Entries may come by the hundred: they are drawn a few times a second.
function later() {
  if (drawing !== null || drawer.hidden) return;
  drawing = setTimeout(redraw, PACE_MS);
}

const isMessage = (entry) => entry.number !== undefined;

function passes(entry, words) {
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
  if (words === "") return true;
  const all = isMessage(entry) ? `${entry.event} ${entry.context ?? ""} ${entry.body}` : entry.message;
  return all.toLowerCase().includes(words);
}

/** The newest entries of both lists that pass the filter, oldest first. */
function wantedEntries(most) {
  const words = search.value.trim().toLowerCase();
  const newest = (list) => {
    const found = [];
    for (let at = list.length - 1; at >= 0 && found.length < most; at -= 1) {
      if (passes(list[at], words)) found.push(list[at]);
    }
    return found.reverse();
  };
  // Both are in order of time, and sorting leaves what has the same time as it is.
  return [...newest(shown.log), ...newest(shown.messages)].sort((a, b) => a.time - b.time).slice(-most);
}

const nodes = new WeakMap();

function redraw() {
  clearTimeout(drawing);
  drawing = null;
  if (drawer.hidden) return;
  const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
  const inARush = !paused && atEnd && fresh > DRAWN_IN_A_RUSH;
  fresh = 0;
  const wanted = wantedEntries(inARush ? DRAWN_IN_A_RUSH : DRAWN);
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
  const nothingCame = shown.log.length + shown.messages.length === 0;
  setText(empty, text(nothingCame ? "noLog" : "noLogMatch"));
  empty.hidden = wanted.length > 0;
  const held = waiting.log.length + waiting.messages.length;
  const notes = [];
  if (held > 0) notes.push(text("pausedCount", { count: held }));
  if (lost > 0) notes.push(text("messagesMissed", { count: lost }));
  setText(missed, notes.join(" · "));
  if (atEnd) lines.scrollTop = lines.scrollHeight;
  // Once it calms down the lines before are there again.
  if (inARush) later();
}

// Made once: to make one takes longer than to draw a line.
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
  const who = [name, entry.page ? text("page") : null, text("logSize", { size: entry.size })];
  return element(
    "li",
    { "data-direction": entry.direction },
    clock,
    element("span", { className: "log-level" }, text(`direction.${entry.direction}`)),
    element("span", { className: "log-package" }, who.filter((part) => part !== null).join(", ")),
    element("span", { className: "log-event" }, [entry.event, entry.context].filter(Boolean).join("  ")),
    element("span", { className: "log-message" }, entry.body),
  );
}
