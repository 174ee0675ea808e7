/** The events socket: keeps a connection to the server, and says when there is none. */

import { api, eventsAddress } from './api.js';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8000;

/**
 * Connects and stays connected.
 * @param {(message: {type: string}) => void} onMessage called for each event; the first after a connect is the whole state
 * @param {(status: 'connected'|'lost'|'refused') => void} onStatus
 */
export function connectEvents(onMessage, onStatus) {
  let delay = FIRST_DELAY_MS;
  let wasConnected = false;

  const connect = () => {
    const socket = new WebSocket(eventsAddress());
    socket.addEventListener('message', ({ data }) => {
      const message = parse(data);
      if (!message) return;
      // Only a server that talks counts as connected: an open socket may still be closed at once.
      if (message.type === 'state') {
        delay = FIRST_DELAY_MS;
        wasConnected = true;
        onStatus('connected');
      }
      onMessage(message);
    });
    socket.addEventListener('close', async () => {
      if (await tokenRefused()) {
        // The server was started again, and its new page carries the new token. A page that never was connected
        // would only go round in a circle.
        if (wasConnected) location.reload();
        else onStatus('refused');
        return;
      }
      onStatus('lost');
      // Jitter, so that several open pages don't come back in the same instant.
      setTimeout(connect, delay * (0.8 + Math.random() * 0.4));
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
    });
  };

  connect();
}

/** A WebSocket doesn't tell why it was refused; the API does. */
async function tokenRefused() {
  try {
    await api.state();
    return false;
  } catch (error) {
    return error.status === 401 || error.status === 403;
  }
}

function parse(data) {
  try {
    const message = JSON.parse(data);
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}
