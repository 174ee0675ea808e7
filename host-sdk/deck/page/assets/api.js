/** The calls to Creator Deck's HTTP API. The only module that knows its paths; the events come in through events.js. */

import { text } from './strings.js';

const token = document.querySelector('meta[name="deck-token"]')?.content ?? '';

/** A call that did not succeed. `message` is a sentence for the user; `status` is 0 when the server did not answer. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
  }
}

async function request(method, path, { json, body, keepalive = false } = {}) {
  const headers = { 'X-Deck-Token': token };
  if (json !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      keepalive,
      body: json === undefined ? body : JSON.stringify(json),
      cache: 'no-store',
      redirect: 'error',
    });
  } catch {
    throw new ApiError(text('unreachable'), 0);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new ApiError(answer?.error ?? text('requestFailed', { status: response.status }), response.status);
  }
  return answer;
}

const segment = encodeURIComponent;

/** Address of the events socket. The token travels in the query because a browser can't set headers on a WebSocket. */
export function eventsAddress() {
  const address = new URL('/api/events', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.searchParams.set('token', token);
  return address;
}

export const api = {
  /** Everything that the page shows. The events socket sends the same; this asks whether the token still holds. */
  state: () => request('GET', '/api/state'),

  /** Puts a widget on the Panel; answers the new instance, 409 where it doesn't fit. */
  createInstance: (widget, layout, column, row) =>
    request('POST', '/api/instances', { json: { widget, layout, column, row } }),

  deleteInstance: (context) => request('DELETE', `/api/instances/${segment(context)}`),

  /** Moves an instance; 409 where it doesn't fit. */
  moveInstance: (context, column, row) =>
    request('POST', `/api/instances/${segment(context)}/move`, { json: { column, row } }),

  /** @param {'down'|'up'|'cancel'|'tap'} phase "cancel" is a release that must not count as a press */
  press: (context, phase) => request('POST', `/api/instances/${segment(context)}/press`, { json: { phase } }),

  setTitle: (context, title) => request('PUT', `/api/instances/${segment(context)}/title`, { json: { title } }),

  /** Opens the property view of an instance; answers `{view, url}`. */
  openPropertyView: (context) => request('POST', '/api/views', { json: { context } }),

  /** Opens the settings page of a package; answers `{view, url}`. */
  openSettingsPage: (uuid) => request('POST', '/api/views', { json: { package: uuid } }),

  /** Ends a view. Outlives the page, so that a closed tab leaves no view behind. */
  closeView: (view) => request('DELETE', `/api/views/${segment(view)}`, { keepalive: true }),

  /** Installs a package from the bytes of a .creatorCentral file; answers the package. */
  installPackage: (file) => request('POST', '/api/packages', { body: file }),

  removePackage: (uuid, keepSettings) =>
    request('DELETE', `/api/packages/${segment(uuid)}${keepSettings ? '?keepSettings=true' : ''}`),

  /** The newest log entries, oldest first. */
  log: async () => (await request('GET', '/api/log')).entries,
};
