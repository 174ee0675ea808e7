// The page's end of the server's HTTP interface: one function a request, the session's secret on every one of them, and one
// kind of error whose message can be shown to the user as it is.

import { savedSecret, SESSION_HEADER } from "./session.js";
import { text } from "./strings.js";

const secret = savedSecret();

/** A request that failed. `status` is the HTTP status, 0 when nobody answered; `message` says what to do. */
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
  // An answer without JSON (204, or a proxy's page) says nothing to the user; the status does.
  const value = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, value?.error ?? text("failed", { status: response.status }));
  return value;
}

const part = encodeURIComponent;

// What happens to one key must arrive in the order in which the user did it, and two requests may overtake each other.
const lines = new Map();

function inOrder(context, send) {
  const line = (lines.get(context) ?? Promise.resolve()).then(send, send);
  lines.set(context, line);
  const done = () => {
    if (lines.get(context) === line) lines.delete(context);
  };
  line.then(done, done);
  return line;
}

/** The newest entries of the log, oldest first. */
export const getLog = async () => (await request("GET", "log")).entries;

/**
 * The messages of packages with a number above `after`, oldest first, and the newest number: `{messages, last}`. Waits
 * for one for up to `wait` milliseconds. `signal` ends the waiting.
 */
export const getMessages = (after, wait, signal) => request("GET", `messages?after=${after}&wait=${wait}`, { signal });

/** Puts a widget on a place ({area, column, row}, zero-based). Returns the instance; 409 where it does not fit. */
export const addInstance = (widget, layout, { area, column, row }) =>
  request("POST", "instances", { json: { widget, layout, area, column, row } });

export const removeInstance = (context) => inOrder(context, () => request("DELETE", `instances/${part(context)}`));

/**
 * Moves an instance to `{profile, page, area, column, row}`; 409 where it does not fit. What is left out stays; without a place
 * it goes to the nearest free one. Returns the instance.
 */
export const moveInstance = (context, to) =>
  inOrder(context, () => request("POST", `instances/${part(context)}/move`, { json: to }));

/** Puts a copy of an instance somewhere; as `moveInstance`. */
export const copyInstance = (context, to) => request("POST", `instances/${part(context)}/copy`, { json: to });

/**
 * Gives a multi-action key another list: `{press}` of what it has, `{widget}` (a UUID) of what is new, `{pause}` in milliseconds,
 * `{profile}` (an id), `{url}`. Returns the instance.
 */
export const setSteps = (context, steps) =>
  inOrder(context, () => request("PUT", `instances/${part(context)}/steps`, { json: { steps } }));

/** Takes an instance into the clipboard; `cut`: to move it when it is pasted. */
export const clip = (context, cut) => request("POST", "clipboard", { json: { context, cut } });

export const clearClipboard = () => request("DELETE", "clipboard");

/** Puts down what is in the clipboard, as near to a place as there is room. Returns the instance. */
export const paste = ({ area, column, row }) => request("POST", "clipboard/paste", { json: { area, column, row } });

/** Gives an instance another layout, at the free place that is nearest. Returns the instance; 409 where there is none. */
export const resizeInstance = (context, layout) =>
  inOrder(context, () => request("PUT", `instances/${part(context)}/layout`, { json: { layout } }));

/** The number by which the server knows this page; another one after every reconnect. */
let page = null;

/** Takes the page's number, which comes with the first event. */
export function setPage(number) {
  page = number;
}

/**
 * One phase of a press: "down", then "up" (released on the key) or "cancel" (released elsewhere). The server lets go by
 * itself what a page holds that is gone or has lost its connection.
 */
export const press = (context, phase) =>
  inOrder(context, () => request("POST", `instances/${part(context)}/press`, { json: { phase, page } }));

/** One phase of a press, or "triggered", as it is: the package hears of nothing else. */
export const sendPhase = (context, phase) =>
  inOrder(context, () => request("POST", `instances/${part(context)}/press`, { json: { phase } }));

/** An instance and what is stored for it: `{instance, settings}`. */
export const getInstance = (context) => request("GET", `instances/${part(context)}`);

export const setTitle = (context, title) =>
  inOrder(context, () => request("PUT", `instances/${part(context)}/title`, { json: { title } }));

/** How the title is drawn; null gives it back to the package. */
export const setFont = (context, font) =>
  inOrder(context, () =>
    request(font === null ? "DELETE" : "PUT", `instances/${part(context)}/font`, font === null ? {} : { json: font }),
  );

/** The icon of a state (a Blob); null gives it back to the package. */
export const setIcon = (context, state, file) =>
  inOrder(context, () =>
    request(file === null ? "DELETE" : "PUT", `instances/${part(context)}/icons/${state}`, { body: file ?? undefined }),
  );

/** Shows another state, for a look. */
export const setState = (context, state) =>
  inOrder(context, () => request("PUT", `instances/${part(context)}/state`, { json: { state } }));

/** Places the starter Panel that is offered. Answers `{keys}`, how many it has. */
export const placeStarter = () => request("POST", "starter");

/** Makes a profile and shows it; a copy of `copyOf` (an id) unless that is null. */
export const createProfile = (name, copyOf) => request("POST", "profiles", { json: { name, copyOf } });

export const renameProfile = (id, name) => request("PUT", `profiles/${part(id)}`, { json: { name } });

export const deleteProfile = (id) => request("DELETE", `profiles/${part(id)}`);

export const activateProfile = (id) => request("POST", `profiles/${part(id)}/activate`);

/** Shows a page of the grid, zero-based. */
export const showPage = (page) => request("PUT", "page", { json: { page } });

/** Undoes ("undo") or does again ("redo"). Answers `{step}`, the word for what it was. */
export const step = (direction) => request("POST", direction);

export const setAsleep = (asleep) => request("PUT", "sleep", { json: { asleep } });

/** Takes over what the user chooses about the deck itself: `{mode, appearance, properties, …}`, null takes a choice back. */
export const prefer = (choices) => request("PATCH", "preferences", { json: choices });

/** Where the deck's files lie, and whether it starts with the computer: docs/deck-api.md. */
export const getDesktop = () => request("GET", "desktop");

/** Has the deck start with the computer, or not any more. */
export const setStart = (on) => request("PUT", "desktop/start", { json: { on } });

/** Shows a folder, "data" or "logs", in the system's file manager. */
export const openFolder = (folder) => request("POST", "desktop/open", { json: { folder } });

export const dismissNotice = () => request("DELETE", "notice");

/** Opens a property view (`{context}`) or a settings page (`{package}`). Answers `{view, url}`; 404 if there is none. */
export const openView = (of) => request("POST", "views", { json: of });

/** Closes a view; may outlive the page. A view that is already gone is as good as closed. */
export const closeView = (view) => request("DELETE", `views/${part(view)}`, { keepalive: true }).catch(() => {});

/**
 * What the validator says of the package in `file` (a Blob), without installing it: the report of docs/validator.md, and
 * `replaces`, `{version}` of what is installed now or null.
 */
export const checkPackage = (file) => request("POST", "packages/check", { body: file });

/** Installs the package in `file` (a Blob). Returns the package. */
export const installPackage = (file) => request("POST", "packages", { body: file });

export const removePackage = (uuid, keepSettings) =>
  request("DELETE", `packages/${part(uuid)}${keepSettings ? "?keepSettings=true" : ""}`);

/** Starts a package, or, where it runs, starts it again, with its package file read again. Returns the package. */
export const loadPackage = (uuid) => request("POST", `packages/${part(uuid)}/load`);

/** Ends a package until it is loaded again. Returns the package. */
export const unloadPackage = (uuid) => request("POST", `packages/${part(uuid)}/unload`);

/** The Panel as a file has it: docs/deck-api.md. */
export const exportPanel = () => request("GET", "panel");

/** What would be taken from the exported Panel in `file` (a Blob): `{profiles, keys, waiting, left}`. */
export const checkPanel = (file) => request("POST", "panel/check", { body: file });

/** Takes the exported Panel in `file` beside what is there ("add") or in place of it ("replace"). Answers as `checkPanel`. */
export const importPanel = (file, mode) => request("POST", `panel?mode=${mode}`, { body: file });

/** Whether no one sees this page: the program has opened it for web packages to run in. */
export const isUnattended = location.hash === "#unattended";

/** The address of the event socket; browsers cannot set headers there, so the secret is in the query. */
export function eventsUrl() {
  const url = new URL("/api/events", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("session", secret);
  url.searchParams.set("runs", isUnattended ? "unattended" : "web");
  return url;
}

/** Whether the server answers, and doesn't know this page's session: only a page that was opened again fits it. */
export async function isOutdated() {
  try {
    const response = await fetch("/api/session", { headers: { [SESSION_HEADER]: secret }, cache: "no-store" });
    return response.status === 401;
  } catch {
    return false;
  }
}
