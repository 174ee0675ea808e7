// Pages that a package asks to open, such as a sign-in: in a new tab, or, where the browser blocks that, by a link that
// the user clicks.

import { store } from "./store.js";
import { text } from "./strings.js";
import { offerLink, showNotice } from "./toast.js";

/** Opens `url` for the package `owner` (a UUID). Anything but http and https is ignored. */
export function openUrl(url, owner) {
  let address;
  try {
    address = new URL(url);
  } catch {
    return;
  }
  if (address.protocol !== "http:" && address.protocol !== "https:") return;
  const host = address.host;
  // "noopener" would hide whether the browser blocked it, so the way back is cut by hand.
  const opened = window.open(address.href, "_blank");
  if (opened) {
    opened.opener = null;
    showNotice(text("openedLink", { host }));
    return;
  }
  const name = store.package(owner)?.name ?? text("host");
  offerLink(text("openLink", { name }), text("openLinkAction", { host }), address.href);
}
