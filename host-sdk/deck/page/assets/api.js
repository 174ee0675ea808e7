// Client of the server's HTTP API: one function per request. Every request carries the session's secret, and every failure
// is an `ApiError` whose message can be shown to the user.

import { savedSecret, SESSION_HEADER } from "./session.js";
import { text } from "./strings.js";

const secret = savedSecret();

/** A failed request. `status` is the HTTP status, or 0 if there was no response; `message` tells the user what to do. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function request(method, path, { json, body, keepalive, signal } = {}) {
  const headers = { [SESSION_HEADER]: secret };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      method,
      headers,
      body: json === undefined ? body : JSON.stringify(json),
      keepalive,
      signal,
      cache: "no-store",
      redirect: "error",
    });
  } catch {
    throw new ApiError(0, text("unreachable"));
  }
  // A response without JSON (204, or a proxy's page) has no message for the user; the status is shown instead.
  const value = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, value?.error ?? text("failed", { status: response.status }));
  return value;
}

const encode = encodeURIComponent;

// Changes to one key must arrive in the order in which the user made them, but two requests may overtake each other: each
// key's requests are queued.
const queues = new Map();

function inOrder(context, send) {
  const queue = (queues.get(context) ?? Promise.resolve()).then(send, send);
  queues.set(context, queue);
  const done = () => {
    if (queues.get(context) === queue) queues.delete(context);
  };
  queue.then(done, done);
  return queue;
}

/** Returns the newest entries of the log, oldest first. */
export const getLog = async () => (await request("GET", "log")).entries;

/**
 * Returns the messages of packages with a number above `after`, oldest first, and the newest number: `{messages, last}`.
 * Waits up to `wait` milliseconds for a message. `signal` aborts the request.
 */
export const getMessages = (after, wait, signal) => request("GET", `messages?after=${after}&wait=${wait}`, { signal });

/** Places a widget at {area, column, row} (zero-based). Returns the instance; 409 if it does not fit there. */
export const addInstance = (widget, layout, { area, column, row }) =>
  request("POST", "instances", { json: { widget, layout, area, column, row } });

export const removeInstance = (context) => inOrder(context, () => request("DELETE", `instances/${encode(context)}`));

/**
 * Moves an instance to `{profile, page, area, column, row}`; 409 if it does not fit there. Omitted members keep their value;
 * without a place it moves to the nearest free one. Returns the instance.
 */
export const moveInstance = (context, to) =>
  inOrder(context, () => request("POST", `instances/${encode(context)}/move`, { json: to }));

/** Places a copy of an instance; `to` as for `moveInstance`. */
export const copyInstance = (context, to) => request("POST", `instances/${encode(context)}/copy`, { json: to });

/**
 * Sets the steps of a multi-action key: `{press}` for an existing instance, `{widget}` (a UUID) for a new one, `{pause}` in
 * milliseconds, `{profile}` (an id), `{url}`. Returns the instance.
 */
export const setSteps = (context, steps) =>
  inOrder(context, () => request("PUT", `instances/${encode(context)}/steps`, { json: { steps } }));

/** Puts an instance on the clipboard; with `cut`, pasting moves it. */
export const setClipboard = (context, cut) => request("POST", "clipboard", { json: { context, cut } });

export const clearClipboard = () => request("DELETE", "clipboard");

/** Pastes the clipboard at the free place nearest to the given one. Returns the instance. */
export const paste = ({ area, column, row }) => request("POST", "clipboard/paste", { json: { area, column, row } });

/** Changes an instance's layout, moving it to the nearest free place. Returns the instance; 409 if there is none. */
export const resizeInstance = (context, layout) =>
  inOrder(context, () => request("PUT", `instances/${encode(context)}/layout`, { json: { layout } }));

/** The number by which the server identifies this page; it changes with every reconnect. */
let page = null;

/** Sets the page's number, which the first event contains. */
export function setPage(number) {
  page = number;
}

/**
 * Sends one phase of a press: "down", then "up" (released on the key) or "cancel" (released elsewhere). The server cancels
 * the presses of a page that has been closed or has lost its connection.
 */
export const press = (context, phase) =>
  inOrder(context, () => request("POST", `instances/${encode(context)}/press`, { json: { phase, page } }));

/** Sends one phase of a press, or "triggered", and nothing else to the package. */
export const sendPhase = (context, phase) =>
  inOrder(context, () => request("POST", `instances/${encode(context)}/press`, { json: { phase } }));

/** Returns an instance and its stored settings: `{instance, settings}`. */
export const getInstance = (context) => request("GET", `instances/${encode(context)}`);

export const setTitle = (context, title) =>
  inOrder(context, () => request("PUT", `instances/${encode(context)}/title`, { json: { title } }));

/** Sets the title's font; null restores the package's own. */
export const setFont = (context, font) =>
  inOrder(context, () =>
    request(font === null ? "DELETE" : "PUT", `instances/${encode(context)}/font`, font === null ? {} : { json: font }),
  );

/** Sets the icon of a state (a Blob); null restores the package's own. */
export const setIcon = (context, state, file) =>
  inOrder(context, () =>
    request(file === null ? "DELETE" : "PUT", `instances/${encode(context)}/icons/${state}`, { body: file ?? undefined }),
  );

/** Shows another state of an instance. */
export const setState = (context, state) =>
  inOrder(context, () => request("PUT", `instances/${encode(context)}/state`, { json: { state } }));

/** Places the starter Panel that is offered. Returns `{keys}`, the number of its keys. */
export const placeStarter = () => request("POST", "starter");

/** Creates and shows a profile: a copy of `copyOf` (an id), or an empty one if that is null. */
export const createProfile = (name, copyOf) => request("POST", "profiles", { json: { name, copyOf } });

export const renameProfile = (id, name) => request("PUT", `profiles/${encode(id)}`, { json: { name } });

export const deleteProfile = (id) => request("DELETE", `profiles/${encode(id)}`);

export const activateProfile = (id) => request("POST", `profiles/${encode(id)}/activate`);

/** Shows a page of the grid, zero-based. */
export const showPage = (page) => request("PUT", "page", { json: { page } });

/** Undoes ("undo") or redoes ("redo") a step. Returns `{step}`, the name of what it was. */
export const stepHistory = (direction) => request("POST", direction);

export const setAsleep = (asleep) => request("PUT", "sleep", { json: { asleep } });

/** Changes preferences of the deck: `{mode, appearance, properties, …}`; null resets one to its default. */
export const setPreferences = (changes) => request("PATCH", "preferences", { json: changes });

/** Returns where the deck's files are, and whether it starts with the computer: docs/deck-api.md. */
export const getDesktop = () => request("GET", "desktop");

/** Sets whether the deck starts with the computer. */
export const setAutostart = (on) => request("PUT", "desktop/start", { json: { on } });

/** Shows a folder, "data" or "logs", in the system's file manager. */
export const openFolder = (folder) => request("POST", "desktop/open", { json: { folder } });

export const dismissNotice = () => request("DELETE", "notice");

/** Opens a property view (`{context}`) or a settings page (`{package}`). Returns `{view, url}`; 404 if there is none. */
export const openView = (of) => request("POST", "views", { json: of });

/** Closes a view. The request may outlive the page; it doesn't matter if the view is already closed. */
export const closeView = (view) => request("DELETE", `views/${encode(view)}`, { keepalive: true }).catch(() => {});

/**
 * Validates the package in `file` (a Blob) without installing it. Returns the report described in docs/validator.md, and
 * `replaces`: `{version}` of the installed package, or null.
 */
export const checkPackage = (file) => request("POST", "packages/check", { body: file });

/** Installs the package in `file` (a Blob). Returns the package. */
export const installPackage = (file) => request("POST", "packages", { body: file });

export const removePackage = (uuid, keepSettings) =>
  request("DELETE", `packages/${encode(uuid)}${keepSettings ? "?keepSettings=true" : ""}`);

/** Starts a package, or restarts it if it is running; its package file is read again. Returns the package. */
export const loadPackage = (uuid) => request("POST", `packages/${encode(uuid)}/load`);

/** Stops a package until it is loaded again. Returns the package. */
export const unloadPackage = (uuid) => request("POST", `packages/${encode(uuid)}/unload`);

/** Returns the Panel in the format of an exported file: docs/deck-api.md. */
export const exportPanel = () => request("GET", "panel");

/** Returns what importing the Panel in `file` (a Blob) would do: `{profiles, keys, waiting, left}`. */
export const checkPanel = (file) => request("POST", "panel/check", { body: file });

/** Imports the Panel in `file`: adds it to the present one ("add") or replaces that ("replace"). Returns as `checkPanel`. */
export const importPanel = (file, mode) => request("POST", `panel?mode=${mode}`, { body: file });

/** Whether this page is headless: the program has opened it only to run web packages. */
export const isUnattended = location.hash === "#unattended";

/** Returns the event socket's address. Browsers can't set headers on WebSockets, so the secret is in the query. */
export function eventsUrl() {
  const url = new URL("/api/events", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("session", secret);
  url.searchParams.set("runs", isUnattended ? "unattended" : "web");
  return url;
}

/** Returns whether the server is reachable but rejects this page's session, so that the page has to be loaded again. */
export async function isOutdated() {
  try {
    const response = await fetch("/api/session", { headers: { [SESSION_HEADER]: secret }, cache: "no-store" });
    return response.status === 401;
  } catch {
    return false;
  }
}
