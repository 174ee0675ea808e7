// The event socket: keeps one connection open, reconnects with exponential backoff, and passes its messages on.

import { eventsUrl, isOutdated } from "./api.js";

const INITIAL_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

/**
 * Connects, and reconnects whenever the connection is lost. `onMessage` receives each message (an object with `type`),
 * `onOpen` is called when the socket is open, `onClose` when it was lost or could not be opened.
 */
export function connect({ onMessage, onOpen, onClose }) {
  let delay = INITIAL_DELAY_MS;
  let timer = null;

  function open() {
    timer = null;
    const socket = new WebSocket(eventsUrl());
    socket.addEventListener("open", () => {
      delay = INITIAL_DELAY_MS;
      onOpen();
    });
    socket.addEventListener("message", ({ data }) => {
      let message;
      try {
        message = JSON.parse(data);
      } catch {
        return;
      }
      onMessage(message);
    });
    socket.addEventListener("close", async () => {
      onClose();
      // A restarted server has new addresses and a new token, so the page has to be loaded again.
      if (await isOutdated()) {
        location.reload();
        return;
      }
      // The jitter keeps several open pages from reconnecting at the same moment.
      timer = setTimeout(open, delay * (0.8 + 0.4 * Math.random()));
      delay = Math.min(delay * 2, MAX_DELAY_MS);
    });
  }

  // Skips the remaining delay when the user returns to the page or the network is back.
  function reconnectNow() {
    if (timer === null || document.hidden) return;
    clearTimeout(timer);
    open();
  }
  document.addEventListener("visibilitychange", reconnectNow);
  window.addEventListener("online", reconnectNow);

  open();
}
