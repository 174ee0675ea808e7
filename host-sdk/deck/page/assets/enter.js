// Exchanges the key in this page's address for a session, then redirects to the deck's page. The key is not kept in the
// browser's history.

import { savedSecret, saveSecret, SESSION_HEADER } from "./session.js";

const key = new URLSearchParams(location.search).get("key");

async function enter() {
  const response = await fetch("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json", [SESSION_HEADER]: savedSecret() },
    body: JSON.stringify({ key }),
    cache: "no-store",
  });
  // Status 200 means a new session; otherwise the browser already has one.
  if (response.status === 200) saveSecret((await response.json()).secret);
  // Even if the key is used up: the page there explains how to get another one.
  location.replace(`/${location.hash}`);
}

enter().catch((error) => {
  document.getElementById("working").hidden = true;
  document.getElementById("failed").hidden = false;
  console.error(error);
});
