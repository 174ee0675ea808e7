/*
 * The property view: the account line, and below it the settings that the selected widget has.
 *
 * Which settings those are stands in one table. Their kinds are in fields.js, picker.js and template.js.
 */
(function () {
  "use strict";

  const pages = globalThis.SpotifyPages;
  const { client, strings, dom, Accounts, AccountPanel, times, words, fields } = pages;
  const { element, setText } = dom;
  const { text } = strings;

  const accounts = (pages.accounts = new Accounts(client));

  const KINDS = {
    number: fields.number,
    choice: fields.choice,
    layout: fields.layout,
    device: fields.device,
    presses: fields.presses,
    item: pages.picker,
    template: pages.template,
  };

  const STEP = {
    kind: "number",
    setting: "step",
    label: "step",
    min: 1,
    max: 25,
    standard: 5,
    unit: "percent",
    hint: "holdRepeats",
  };
  const VOLUME = { kind: "number", setting: "volume", label: "volume", min: 0, max: 100, standard: 50, unit: "percent" };
  const FADE = {
    kind: "number",
    setting: "fadeSeconds",
    label: "fade",
    min: 0,
    max: 60,
    standard: 0,
    unit: "seconds",
    hint: "fadeHint",
  };
  const DIRECTION = { kind: "choice", setting: "direction", label: "direction", options: { forward: "forward", back: "back" } };
  const SECONDS = {
    kind: "number",
    setting: "seconds",
    label: "seekBy",
    min: 1,
    max: 600,
    standard: 15,
    unit: "seconds",
    hint: "holdRepeats",
  };
  const LIKED = { kind: "item", setting: "item", label: "likeItem", none: "whatPlays", types: ["track", "album", "episode"] };
  const PLAYED = {
    kind: "item",
    setting: "item",
    label: "playItem",
    none: "nothingChosen",
    needed: true,
    types: ["track", "album", "artist", "playlist", "show", "episode"],
    library: true,
    liked: true,
    unshared: true,
  };
  const AGAIN = {
    kind: "choice",
    setting: "again",
    label: "again",
    options: { pause: "againPause", restart: "againRestart", shuffle: "againShuffle" },
  };
  const SHUFFLE = {
    kind: "choice",
    setting: "shuffle",
    label: "shuffle",
    options: { keep: "shuffleKeep", on: "shuffleOn", off: "shuffleOff" },
  };
  const PLAYLIST = {
    kind: "item",
    setting: "playlist",
    label: "playlist",
    none: "playlistLast",
    types: ["playlist"],
    library: true,
    own: true,
  };
  const QUEUED = { kind: "item", setting: "item", label: "queueItem", none: "whatPlays", types: ["track", "episode"] };
  const MODE = { kind: "choice", setting: "mode", label: "deviceMode", options: { this: "deviceThis", next: "deviceNext" } };
  const TARGET = {
    kind: "device",
    setting: "device",
    label: "deviceTarget",
    none: "nothingChosen",
    hint: "deviceHint",
    withType: true,
    when: ({ mode }) => mode !== "next",
  };
  const MOVED = { kind: "choice", setting: "play", label: "deviceMoved", options: { keep: "deviceKeep", play: "devicePlay" } };
  const SCROLL = {
    kind: "choice",
    setting: "scroll",
    label: "scroll",
    standard: "normal",
    options: { off: "scrollOff", slow: "scrollSlow", normal: "scrollNormal", fast: "scrollFast" },
  };
  const UNTIL = { kind: "choice", setting: "until", label: "sleepUntil", options: { time: "sleepTime", item: "sleepItem" } };
  const MINUTES = {
    kind: "number",
    setting: "minutes",
    label: "sleepAfter",
    min: 1,
    max: 240,
    standard: 30,
    unit: "minutes",
    when: ({ until }) => until !== "item",
  };
  const TEMPLATE = { kind: "template", setting: "template", label: "template" };
  const DEVICE = { kind: "device", setting: "device", label: "device", none: "deviceActive", hint: "deviceHint" };
  const PRESSES = { kind: "presses" };

  /** The layouts of a widget in the manifest's order. */
  const layouts = (...sizes) => ({ kind: "layout", layouts: sizes });
  const COVER_LAYOUTS = layouts(
    [3, 2, "layoutCoverText"],
    [2, 2, "layoutCoverText"],
    [3, 1, "layoutText"],
    [1, 1, "layoutCover"],
    [4, 3, "layoutCoverText"],
    [5, 4, "layoutCoverText"],
  );
  const LIST_LAYOUTS = layouts([1, 1], [2, 2], [3, 2]);
  const TEXT_LAYOUTS = layouts([1, 1], [2, 1], [3, 1], [4, 1], [5, 1]);

  /** What every widget has that is about playback: its own settings, the device, and what more presses do. */
  const playback = (...own) => [...own, DEVICE, PRESSES];

  /** What a widget can be set to, by the last part of its UUID. One that is not listed has what all have. */
  const WIDGETS = {
    "volume-up": [STEP, DEVICE, { ...PRESSES, repeats: true }],
    "volume-down": [STEP, DEVICE, { ...PRESSES, repeats: true }],
    "set-volume": playback(VOLUME, FADE),
    seek: [DIRECTION, SECONDS, DEVICE, { ...PRESSES, repeats: true }],
    like: playback(LIKED),
    play: playback(PLAYED, AGAIN, SHUFFLE),
    "add-to-playlist": playback(PLAYLIST),
    "add-to-queue": playback(QUEUED),
    "up-next": playback(LIST_LAYOUTS),
    device: [MODE, TARGET, MOVED, PRESSES],
    "now-playing-text": playback(TEXT_LAYOUTS, { ...TEMPLATE, layouts: TEXT_LAYOUTS.layouts }, SCROLL),
    "playing-now": playback(COVER_LAYOUTS, SCROLL),
    // Holding the key cancels, so the user gives no meaning to further presses.
    "sleep-timer": [UNTIL, MINUTES],
    account: [],
  };

  /** The fields that are shown, with their descriptions. */
  const shown = [];
  let begun = false;
  let built = false;

  /** The account's part needs no host: it says what is missing, if nobody calls. */
  function begin() {
    if (begun) return;
    begun = true;
    strings.use(client.language || navigator.language);
    accountLine();
  }

  function build() {
    begin();
    if (built) return;
    built = true;
    const widget = client.widget.split(".").pop();
    const about = `about-${widget}`;
    const settings = document.getElementById("settings");
    if (strings.has(about)) settings.append(element("p", { class: "about", text: text(about) }));
    for (const description of Object.keys(WIDGETS).includes(widget) ? WIDGETS[widget] : playback()) {
      const field = KINDS[description.kind](description);
      if (!field) continue;
      settings.append(field.node);
      shown.push([field, description]);
    }
    showSettings();
  }

  function showSettings() {
    const { settings } = client;
    for (const [field, { when }] of shown) {
      field.node.hidden = when ? !when(settings) : false;
      field.show(settings);
    }
  }

  // The account

  function accountLine() {
    const line = document.getElementById("account-line");
    const name = document.getElementById("account-name");
    const badge = document.getElementById("account-initial");
    const toggle = document.getElementById("toggle-account");
    const root = document.getElementById("account-panel");
    let panel = null;

    function show() {
      const account = accounts.main;
      const { known, silent, offline } = accounts;
      const state = offline ? "offline" : silent ? "silent" : !known ? "loading" : account ? account.state : "none";
      line.dataset.state = state;
      line.dataset.tone = account ? words.tone(account, Date.now()) : "";
      const others = {
        offline: text("hostLost"),
        silent: text("packageSilent"),
        loading: text("loading"),
        none: text("notLinked"),
      };
      setText(name, others[state] || accountText(account));
      setText(badge, words.initial(account));
      toggle.hidden = !known && root.hidden;
      toggle.classList.toggle("primary", root.hidden && known && state !== "linked" && state !== "linking");
      const closed = account ? text("accountSettings") : text("linkSpotify");
      setText(toggle, root.hidden ? closed : text("closeAccountSettings"));
    }

    /** Whose account serves, and what limits it; until when nobody does, where that is so. */
    function accountText(account) {
      const now = Date.now();
      if (accounts.nobodyUntil > now) return text("nobodyUntil", { time: times.until(accounts.nobodyUntil, now) });
      // A screen reader says the line when it changes: without what remains, which does so every second.
      return [words.state(account), ...words.facts(account, now, false)].join(" · ");
    }

    toggle.addEventListener("click", () => {
      root.hidden = !root.hidden;
      toggle.setAttribute("aria-expanded", String(!root.hidden));
      // Built once and then only hidden: what was typed stays.
      if (!root.hidden) {
        if (!panel) panel = new AccountPanel(root, client, accounts);
        panel.focus();
      }
      show();
    });
    accounts.onChange(show);
    accounts.onTick(show);
    show();
  }

  client.on("started", build);
  client.on("settings", showSettings);
  accounts.onChange(begin);
})();
