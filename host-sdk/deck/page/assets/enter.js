// Exchanges the key in this page's address for a session, and goes on to the deck's page. The key doesn't stay in the history.

import { savedSecret, saveSecret, SESSION_HEADER } from "./session.js";

const key = new URLSearchParams(location.search).get("key");

async function enter() {
  const response = await fetch("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json", [SESSION_HEADER]: savedSecret() },
    body: JSON.stringify({ key }),
    cache: "no-store",
  });
  // With an answer it is a new session, without one the browser had one already.
  if (response.status === 200) saveSecret((await response.json()).secret);
  // Also where the key is used up: the page there says how to get another one.
  location.replace(`/${location.hash}`);
}

enter().catch((error) => {
  document.getElementById("working").hidden = true;
  document.getElementById("failed").hidden = false;
  console.error(error);
});
