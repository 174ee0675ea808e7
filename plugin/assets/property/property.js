/*
 * The property view: the account line, and below it the selected widget's settings.
 *
 * The table `WIDGETS` lists the settings of each widget. The kinds of fields are in fields.js, picker.js and template.js.
 */
(function () {
  "use strict";

  const pages = globalThis.SpotifyPages;
  const { client, strings, dom, Accounts, AccountPanel, times, accountText, fields } = pages;
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
    defaultValue: 5,
    unit: "percent",
    hint: "holdRepeats",
  };
  const VOLUME = { kind: "number", setting: "volume", label: "volume", min: 0, max: 100, defaultValue: 50, unit: "percent" };
  const FADE = {
    kind: "number",
    setting: "fadeSeconds",
    label: "fade",
    min: 0,
    max: 60,
    defaultValue: 0,
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
    defaultValue: 15,
    unit: "seconds",
    hint: "holdRepeats",
  };
  const LIKED = { kind: "item", setting: "item", label: "likeItem", none: "currentItem", types: ["track", "album", "episode"] };
  const PLAYED = {
    kind: "item",
    setting: "item",
    label: "playItem",
    none: "nothingChosen",
    required: true,
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
  const QUEUED = { kind: "item", setting: "item", label: "queueItem", none: "currentItem", types: ["track", "episode"] };
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
  const TRANSFER = { kind: "choice", setting: "play", label: "deviceTransfer", options: { keep: "deviceKeep", play: "devicePlay" } };
  const SCROLL = {
    kind: "choice",
    setting: "scroll",
    label: "scroll",
    defaultValue: "normal",
    options: { off: "scrollOff", slow: "scrollSlow", normal: "scrollNormal", fast: "scrollFast" },
  };
  const UNTIL = { kind: "choice", setting: "until", label: "sleepUntil", options: { time: "sleepTime", item: "sleepItem" } };
  const MINUTES = {
    kind: "number",
    setting: "minutes",
    label: "sleepAfter",
    min: 1,
    max: 240,
    defaultValue: 30,
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

  /** The fields of a playback widget: its own settings, the device, and the actions of long and double presses. */
  const playback = (...own) => [...own, DEVICE, PRESSES];

  /** The fields of each widget by the last part of its UUID. A widget that isn't listed has those of `playback()`. */
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
    device: [MODE, TARGET, TRANSFER, PRESSES],
    "now-playing-text": playback(TEXT_LAYOUTS, { ...TEMPLATE, layouts: TEXT_LAYOUTS.layouts }, SCROLL),
    "playing-now": playback(COVER_LAYOUTS, SCROLL),
    // A long press cancels the timer, so long and double presses can't be configured.
    "sleep-timer": [UNTIL, MINUTES],
    account: [],
  };

  /** The fields in the view, with their descriptions. */
  const shown = [];
  let hasAccountLine = false;
  let isBuilt = false;

  /** Builds the account line, which needs no call by the host, so that it can show that the host is missing. */
  function buildAccountLine() {
    if (hasAccountLine) return;
    hasAccountLine = true;
    strings.setLanguage(client.language || navigator.language);
    accountLine();
  }

  function build() {
    buildAccountLine();
    if (isBuilt) return;
    isBuilt = true;
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
      const { isLoaded, isSilent, isOffline } = accounts;
      const state = isOffline ? "offline" : isSilent ? "silent" : !isLoaded ? "loading" : account ? account.state : "none";
      line.dataset.state = state;
      line.dataset.tone = account ? accountText.tone(account, Date.now()) : "";
      const texts = {
        offline: text("hostLost"),
        silent: text("packageSilent"),
        loading: text("loading"),
        none: text("notLinked"),
      };
      setText(name, texts[state] || lineText(account));
      setText(badge, accountText.initial(account));
      toggle.hidden = !isLoaded && root.hidden;
      toggle.classList.toggle("primary", root.hidden && isLoaded && state !== "linked" && state !== "linking");
      const openLabel = account ? text("accountSettings") : text("linkSpotify");
      setText(toggle, root.hidden ? openLabel : text("closeAccountSettings"));
    }

    /** Returns the state and the limits of the account in use, or until when all accounts are limited. */
    function lineText(account) {
      const now = Date.now();
      const { unavailableUntil } = accounts;
      if (unavailableUntil > now) return text("noAccountUntil", { time: times.until(unavailableUntil, now) });
      // Without the remaining time, because screen readers announce every change of the line.
      return [accountText.state(account), ...accountText.facts(account, now, false)].join(" · ");
    }

    toggle.addEventListener("click", () => {
      root.hidden = !root.hidden;
      toggle.setAttribute("aria-expanded", String(!root.hidden));
      // Built once and then only hidden, to keep the user's input.
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
  accounts.onChange(buildAccountLine);
})();
