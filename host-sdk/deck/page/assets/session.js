// The page's part of its session: a secret in the storage of its origin, which the browser shares with no other port. The other
// part is a cookie that scripts can't read.

const NAME = "creator-deck-session";

/** The header that carries the secret. */
export const SESSION_HEADER = "X-Deck-Session";

/** The secret, or an empty text where there is none. */
export function savedSecret() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

/** Keeps the secret for the pages of this browser. Throws where the browser stores nothing. */
export function saveSecret(secret) {
  localStorage.setItem(NAME, secret);
}
