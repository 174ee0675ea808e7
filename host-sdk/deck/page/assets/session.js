// The page's half of its session: a secret in its origin's storage, which the browser doesn't share with other ports. The
// other half is a cookie that scripts can't read.

const NAME = "creator-deck-session";

/** The header that contains the secret. */
export const SESSION_HEADER = "X-Deck-Session";

/** Returns the secret, or an empty string if there is none. */
export function savedSecret() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

/** Stores the secret for all pages of this browser. Throws if the browser stores nothing. */
export function saveSecret(secret) {
  localStorage.setItem(NAME, secret);
}
