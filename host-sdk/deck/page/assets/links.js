// Web pages that a package asks to open (`openUrl`), such as a login page.
//
// If the user has just interacted with that package (pressed one of its keys, clicked in its page), the page opens at once
// and a notice shows its host: one click opens one page. Otherwise a card with the host and the whole address asks first. Only
// one card is shown at a time; of a package's further requests it shows only the number, so that nothing changes under the
// pointer and requests can't pile up.

import { element, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showCard, showNotice } from "./toast.js";

/** How long after a press a request counts as caused by the user; the same as browsers' own limit. */
const USER_ACTION_MS = 5000;
/** How long a package's requests are ignored after the user has refused one. */
const REFUSAL_MS = 30_000;

/** The package whose key the user pressed last, and when. The first page that it opens uses this up. */
let lastPress = { owner: null, time: 0 };
/** The packages whose request the user has refused, and when. */
const refused = new Map();
/** Unanswered requests in the order in which they came: package to `{address, more}`. The card shows the first. */
const pending = new Map();
let card = null;

/** Records that the user has pressed a key of a package (its UUID). Releasing the key doesn't count as another press. */
export function notePress(owner, isNew) {
  if (isNew || lastPress.owner === owner) lastPress = { owner, time: performance.now() };
}

/** Opens `url` for the package `owner` (a UUID), or asks the user first. Schemes other than http and https are ignored. */
export function openUrl(url, owner) {
  const address = URL.canParse(url) ? new URL(url) : null;
  if (address === null || (address.protocol !== "http:" && address.protocol !== "https:")) return;
  if (isUserInitiated(owner) && !isDeceptive(address) && open(address)) {
    showNotice(text("openedLink", { name: nameOf(owner), host: address.host }), null, address.href);
    return;
  }
  if (performance.now() - (refused.get(owner) ?? -Infinity) < REFUSAL_MS) return;
  const earlier = pending.get(owner);
  if (earlier === undefined) pending.set(owner, { address, more: 0 });
  else if (earlier.address.href !== address.href) earlier.more += 1;
  ask();
}

// Returns whether the user has just pressed a key of the package, which counts once, or clicked in its page, which has the
// focus then.
function isUserInitiated(owner) {
  // The user has put the address into the list of a multi-action key.
  if (owner === store.own?.uuid) return true;
  const byKey = lastPress.owner === owner && performance.now() - lastPress.time < USER_ACTION_MS;
  const inPage = document.activeElement?.dataset?.owner === owner && navigator.userActivation?.isActive === true;
  if (byKey) lastPress = { owner: null, time: 0 };
  return byKey || inPage;
}

/** Returns whether an address is easily mistaken for another one. */
const isDeceptive = ({ hostname, username, password }) =>
  username !== "" || password !== "" || hostname.split(".").some((part) => part.startsWith("xn--"));

// Returns false if the browser blocked the page.
function open(address) {
  // With "noopener" a blocked page couldn't be detected, so `opener` is cleared afterwards.
  const opened = window.open(address.href, "_blank");
  if (opened) opened.opener = null;
  return opened !== null;
}

const nameOf = (owner) => store.package(owner)?.name ?? text("host");

function ask() {
  const [first] = pending;
  if (first === undefined) return;
  const [owner, { address, more }] = first;
  if (card?.owner === owner) {
    setText(card.more, text("openMore", { count: more }));
    card.more.hidden = more === 0;
    return;
  }
  if (card !== null) return;
  const question = element("p", {}, text("openLink", { name: nameOf(owner) }));
  const host = element("p", { className: "link-host" }, address.host);
  // A long address scrolls, so it is focusable to be scrolled by keyboard.
  const whole = element("p", { className: "link-address", tabIndex: 0, role: "group", "aria-label": text("wholeAddress") }, address.href);
  const warning = isDeceptive(address) ? element("p", { className: "link-warning" }, text("deceptiveAddress")) : null;
  const moreNode = element("p", { className: "muted", hidden: true });
  const yes = element("button", { type: "button", className: "primary link-open" }, text("openLinkAction", { host: address.host }));
  const no = element("button", { type: "button" }, text("openLinkRefuse"));
  const buttons = element("div", { className: "dialog-buttons" }, no, yes);
  const close = showCard(text("openLink", { name: nameOf(owner) }), question, host, whole, warning, moreNode, buttons);
  card = { owner, more: moreNode };
  const onAnswer = (isAllowed) => () => {
    close();
    card = null;
    pending.delete(owner);
    if (isAllowed) open(address);
    else refused.set(owner, performance.now());
    ask();
  };
  yes.addEventListener("click", onAnswer(true));
  no.addEventListener("click", onAnswer(false));
  ask();
}
