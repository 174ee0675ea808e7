// The event socket: keeps one open, opens it again with growing pauses when it drops, and hands its messages on.

import { eventsUrl, isOutdated } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Connects and stays connected. `onMessage` gets each message (an object with `type`), `onUp` is called when the socket
 * is open, `onDown` when one was lost or could not be opened.
 */
export function connect({ onMessage, onUp, onDown }) {
  let pause = FIRST_PAUSE_MS;
  let timer = null;

  function open() {
    timer = null;
    const socket = new WebSocket(eventsUrl());
    socket.addEventListener("open", () => {
      pause = FIRST_PAUSE_MS;
      onUp();
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
      onDown();
      // A server that was started again has other addresses and another token: only a fresh page fits it.
      if (await isOutdated()) {
        location.reload();
        return;
      }
      // Some jitter, so that several open pages don't come back in the same moment.
      timer = setTimeout(open, pause * (0.8 + 0.4 * Math.random()));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    });
  }

  // Somebody who comes back to the page, or whose network comes back, should not wait for the pause to end.
  function hurry() {
    if (timer === null || document.hidden) return;
    clearTimeout(timer);
    open();
  }
  document.addEventListener("visibilitychange", hurry);
  window.addEventListener("online", hurry);

  open();
}
