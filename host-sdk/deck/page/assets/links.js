// Pages of the web that a package asks to open (`openUrl`), such as a sign-in.
//
// Where it follows what the user has just done with that package (pressed one of its keys, clicked in its page), the page
// is opened at once and a notice says where that was: one click, one page. Everything else is asked first, by a card that
// shows the host and the whole address. There is one card at a time; of what a package asks meanwhile only the number is
// told, so that nothing changes under the pointer and no flood piles up.

import { element, setText } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showCard, showNotice } from "./toast.js";

/** How long after a press a page still counts as what the user wanted; as long as browsers take it for that. */
const FOLLOWS_MS = 5000;
/** How long a package has to be silent after the user has said no. */
const SILENCE_MS = 30_000;

/** What the user has last pressed: the package, and when. Used up by the first page that it opens. */
let pressed = { owner: null, time: 0 };
/** Packages that the user has said no to, and when. */
const refused = new Map();
/** Who waits for an answer, in the order of asking: package to `{address, more}`. The first of them has the card. */
const waiting = new Map();
let card = null;

/** Tells that the user has pressed a key of a package (its UUID), or has released it, which is no second deed. */
export function notePress(owner, isNew) {
  if (isNew || pressed.owner === owner) pressed = { owner, time: performance.now() };
}

/** Opens `url` for the package `owner` (a UUID), or asks. Anything but http and https is ignored. */
export function openUrl(url, owner) {
  const address = URL.canParse(url) ? new URL(url) : null;
  if (address === null || (address.protocol !== "http:" && address.protocol !== "https:")) return;
  if (isWanted(owner) && !isOdd(address) && open(address)) {
    showNotice(text("openedLink", { name: nameOf(owner), host: address.host }), null, address.href);
    return;
  }
  if (performance.now() - (refused.get(owner) ?? -Infinity) < SILENCE_MS) return;
  const before = waiting.get(owner);
  if (before === undefined) waiting.set(owner, { address, more: 0 });
  else if (before.address.href !== address.href) before.more += 1;
  ask();
}

// The user's own deed, once: a press of the package's key, or a click in its page, which has the focus then.
function isWanted(owner) {
  // The user's own list of a multi-action key says so.
  if (owner === store.own?.uuid) return true;
  const byKey = pressed.owner === owner && performance.now() - pressed.time < FOLLOWS_MS;
  const inPage = document.activeElement?.dataset?.owner === owner && navigator.userActivation?.isActive === true;
  if (byKey) pressed = { owner: null, time: 0 };
  return byKey || inPage;
}

/** Addresses that are easily taken for another one. */
const isOdd = ({ hostname, username, password }) =>
  username !== "" || password !== "" || hostname.split(".").some((part) => part.startsWith("xn--"));

// Answers false where the browser blocked it.
function open(address) {
  // "noopener" would hide that, so the way back is cut by hand.
  const opened = window.open(address.href, "_blank");
  if (opened) opened.opener = null;
  return opened !== null;
}

const nameOf = (owner) => store.package(owner)?.name ?? text("host");

function ask() {
  const [first] = waiting;
  if (first === undefined) return;
  const [owner, { address, more }] = first;
  if (card?.owner === owner) {
    setText(card.more, text("openMore", { count: more }));
    card.more.hidden = more === 0;
    return;
  }
  if (card !== null) return;
  const words = element("p", {}, text("openLink", { name: nameOf(owner) }));
  const host = element("p", { className: "link-host" }, address.host);
  // It may be long: then it scrolls, and the keyboard can scroll it.
  const whole = element("p", { className: "link-address", tabIndex: 0, role: "group", "aria-label": text("wholeAddress") }, address.href);
  const odd = isOdd(address) ? element("p", { className: "link-odd" }, text("oddAddress")) : null;
  const more_ = element("p", { className: "muted", hidden: true });
  const yes = element("button", { type: "button", className: "primary link-open" }, text("openLinkAction", { host: address.host }));
  const no = element("button", { type: "button" }, text("openLinkRefuse"));
  const buttons = element("div", { className: "dialog-buttons" }, no, yes);
  const close = showCard(text("openLink", { name: nameOf(owner) }), words, host, whole, odd, more_, buttons);
  card = { owner, more: more_ };
  const answered = (answer) => () => {
    close();
    card = null;
    waiting.delete(owner);
    if (answer) open(address);
    else refused.set(owner, performance.now());
    ask();
  };
  yes.addEventListener("click", answered(true));
  no.addEventListener("click", answered(false));
  ask();
}
