/*
 * The field that chooses a Spotify item: by search, from the user's playlists, or by pasting a link.
 *
 * One text field serves all three: it searches while the user types, filters the playlists while they are shown, and resolves a
 * link or URI.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { fields, results } = pages;
  const { element, button, setText } = pages.dom;
  const { text } = pages.strings;

  /** How long after the last keystroke a search is sent (ms), because each one counts against the user's quota. */
  const TYPING_DELAY_MS = 350;
  /** How many items of each type are shown while all types are. */
  const MAX_PER_TYPE = 4;
  /** The filter that shows all types. */
  const ALL_TYPES = "";

  /** Text keys for the package's reasons to refuse a link. Text that isn't a link is searched for instead. */
  const LINK_ISSUES = new Map([
    ["otherPage", "linkUnknown"],
    ["shortLink", "linkShort"],
    ["damaged", "linkDamaged"],
    ["notShared", "linkNotShared"],
  ]);

  /**
   * The requests of one field to the package. Only one is sent at a time, because responses don't identify their request; of the
   * waiting ones, only the latest is sent.
   */
  class Requests {
    _current = null;
    _next = null;
    _timer = null;

    constructor(client, accounts) {
      this._client = client;
      client.on("message", (message) => {
        if (message.event === this._current?.event) this._finish((request) => request.onResponse(message));
      });
      client.on("closed", () => this._finish((request) => request.onError(text("hostLost"))));
      accounts.onError((error) => {
        if (error.command !== this._current?.command.command) return;
        this._finish((request) => request.onError(error.message || text("noAnswer"), error));
      });
    }

    /**
     * Sends a command. `onResponse` receives the event of that name; `onError` receives an error message, and the package's error
     * if there is one.
     */
    send(command, event, onResponse, onError) {
      this.cancel();
      this._next = { command, event, onResponse, onError, isCancelled: false };
      if (!this._current) this._sendNext();
    }

    /** Drops the waiting request, and ignores the response to the current one. */
    cancel() {
      this._next = null;
      if (this._current) this._current.isCancelled = true;
    }

    /** Returns whether a response to this command is expected. */
    isPending(name) {
      return [this._current, this._next].some((request) => request?.isCancelled === false && request.command.command === name);
    }

    _sendNext() {
      this._current = this._next;
      this._next = null;
      if (!this._current) return;
      if (this._client.send(this._current.command)) {
        this._timer = setTimeout(() => this._finish((request) => request.onError(text("noAnswer"))), fields.RESPONSE_TIMEOUT_MS);
      } else {
        this._finish((request) => request.onError(text("hostLost")));
      }
    }

    _finish(notify) {
      const request = this._current;
      if (!request) return;
      clearTimeout(this._timer);
      this._current = null;
      if (!request.isCancelled) notify(request);
      if (!this._current) this._sendNext();
    }
  }

  /**
   * A Spotify item, stored with what is needed to show it: `setting`, `label`, `none` (the text key for no item), `types` (what
   * can be chosen); `library`: offer the user's playlists; `own`: only playlists that the user can edit; `liked`: offer the Liked
   * Songs; `unshared`: also accept what Spotify doesn't share; `required`: the widget needs an item.
   */
  function picker({ setting, label, none, types, library, own, liked, unshared, required }) {
    const { client, accounts } = pages;
    const id = `setting-${setting}`;
    const requests = new Requests(client, accounts);
    /** A search would find only playlists of other users, which the user can't edit. */
    const canSearch = !own;
    const likedSongs = { uri: results.LIKED_SONGS, type: "collection", name: text("likedSongs"), by: "", image: "" };

    let chosen = null;
    /** The item shown on the card, as JSON. */
    let shown = "";
    /** Whether the user has opened or closed the chooser; null: the default. */
    let openedByUser = null;
    /** `library` or `search`. */
    let source = library ? "library" : "search";
    let filter = ALL_TYPES;
    let found = [];
    /** The query of the results in `found`; null before the first search. */
    let foundQuery = null;
    let playlists = [];
    /** The offset of the next page of playlists; null if all are loaded. */
    let nextOffset = 0;
    let hasFailed = false;
    /** The account in use when the last request failed. */
    let failedWith = "";
    /** The obstacle to requests when it was last checked. */
    let lastObstacle = "";
    let timer = null;

    // The chosen item

    const chosenNode = element("span", { class: "item" });
    const change = button(`${id}-change`, "", "", () => {
      openedByUser = !isOpen();
      show();
      if (isOpen()) {
        input.focus();
        reveal();
      }
    });
    change.setAttribute("aria-controls", `${id}-chooser`);
    const clear = button(`${id}-clear`, text("clear"), "quiet", () => {
      openedByUser = null;
      client.setSetting(setting, undefined);
      (isOpen() ? input : change).focus();
    });

    const card = element("div", { class: "chosen" }, chosenNode, change, clear);

    // The chooser

    const input = element("input", {
      id,
      type: "text",
      // A pasted link may be part of a longer text.
      maxlength: 2000,
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": text(label),
      "aria-describedby": `${id}-paste`,
    });
    const list = new results.ResultList(`${id}-results`, text("results"), input, { choose, end: () => loadMore() });
    const status = element("p", { id: `${id}-status`, class: "hint", role: "status" });
    const retry = button(`${id}-retry`, text("tryAgain"), "small", () => {
      showStatus("");
      update(0);
      input.focus();
    });
    retry.hidden = true;
    /** The item that Spotify doesn't share, if it can be kept anyway. */
    let unsharedItem = null;
    const keep = button(`${id}-keep`, text("keepAnyway"), "small", () => choose(unsharedItem));
    keep.hidden = true;
    /** The country in which podcasts are searched before a user has logged in; empty: this computer's. */
    let market = "";
    const hasPodcasts = types.includes("show") || types.includes("episode");
    const country = element("input", {
      id: `${id}-market`,
      type: "text",
      class: "number",
      maxlength: 2,
      autocomplete: "off",
      spellcheck: "false",
      "aria-describedby": `${id}-market-hint`,
    });
    country.addEventListener("change", () => {
      const letters = country.value.trim().toUpperCase();
      market = /^[A-Z]{2}$/.test(letters) ? letters : "";
      country.value = market;
      client.setSetting("market", market || undefined);
      foundQuery = null;
      update(0);
    });
    const countryLine = element(
      "div",
      { class: "row", hidden: true },
      element("label", { class: "hint", for: country.id, text: text("market") }),
      country,
      element("span", { id: `${id}-market-hint`, class: "hint", text: text("marketHint") }),
    );
    const sources = fields.segments(
      `${id}-source`,
      [
        ["library", text("myPlaylists")],
        ["search", text("search")],
      ],
      (value) => {
        source = value;
        list.rewind();
        update(0);
      },
    );
    sources.node.setAttribute("role", "radiogroup");
    sources.node.setAttribute("aria-label", text("chooseFrom"));
    sources.node.hidden = !(library && canSearch);
    const filters = fields.segments(
      `${id}-filter`,
      [[ALL_TYPES, text("everything")], ...types.map((type) => [type, results.typeName(type, true)])],
      (value) => {
        filter = value;
        list.rewind();
        showResults();
      },
      "chips",
    );
    filters.node.setAttribute("role", "radiogroup");
    filters.node.setAttribute("aria-label", text("kinds"));
    filters.set(filter);
    const chooser = element(
      "div",
      { id: `${id}-chooser`, class: "chooser" },
      sources.node,
      input,
      element("p", { id: `${id}-paste`, class: "hint", text: text("pasteHint") }),
      countryLine,
      filters.node,
      list.node,
      element("div", { class: "row status-row" }, status, retry, keep),
    );

    function isOpen() {
      return openedByUser ?? (required && !chosen);
    }

    /** Shows a status message with a CSS class, such as one that hides it from sighted users. */
    function showStatus(message, className = "hint") {
      hasFailed = false;
      setText(status, message);
      status.className = className;
      retry.hidden = true;
      keep.hidden = true;
    }

    function showError(message, canRetry = true) {
      showStatus(message, "field-error");
      hasFailed = true;
      failedWith = accounts.servingId;
      retry.hidden = !canRetry;
    }

    /** Returns why requests can't be sent, or "". */
    function obstacle() {
      if (!accounts.isLoaded) return text("loading");
      const isReady = source === "search" ? accounts.list.length > 0 : accounts.list.some(({ state }) => state === "linked");
      return isReady ? "" : text("linkFirst");
    }

    function choose(item) {
      requests.cancel();
      clearTimeout(timer);
      const { uri, type, name, by, image } = item;
      openedByUser = false;
      input.value = "";
      found = [];
      foundQuery = null;
      showStatus("");
      client.setSetting(setting, { uri, name, type, ...(by ? { by } : {}), ...(image ? { image } : {}) });
      show();
      change.focus();
    }

    /** Scrolls the text field to the top if the results would be outside of the window. */
    function reveal() {
      if (document.activeElement !== input || list.node.hidden) return;
      if (list.node.getBoundingClientRect().bottom > innerHeight) input.scrollIntoView({ block: "start" });
    }

    /** Updates the chooser, and handles the text field's content after `delay` milliseconds. */
    function update(delay) {
      clearTimeout(timer);
      input.removeAttribute("aria-invalid");
      const query = input.value.trim();
      input.placeholder = text(source === "search" ? "searchPlaceholder" : "filterPlaceholder");
      // Spotify knows the country of a user who has logged in.
      const isLinked = accounts.list.some(({ state }) => state === "linked");
      countryLine.hidden = !hasPodcasts || source !== "search" || isLinked || accounts.list.length === 0;
      lastObstacle = obstacle();
      input.disabled = Boolean(lastObstacle);
      if (lastObstacle) {
        requests.cancel();
        showResults();
        return showStatus(lastObstacle);
      }
      if (source === "library") {
        showStatus("");
        showResults();
        if (query) timer = setTimeout(() => resolve(query, () => loadMore()), delay);
      } else if (!query) {
        requests.cancel();
        found = [];
        foundQuery = null;
        showResults();
      } else if (query !== foundQuery) {
        timer = setTimeout(() => resolve(query, () => search(query)), delay);
      } else {
        showResults();
      }
    }

    function search(query) {
      showStatus(text("searching"));
      requests.send(
        { command: "search", q: query, types, ...(market ? { market } : {}) },
        "searchResults",
        (message) => {
          found = parseItems(message.results);
          foundQuery = query;
          filter = ALL_TYPES;
          filters.set(filter);
          list.rewind();
          showResults();
          reveal();
        },
        (message) => showError(message),
      );
    }

    /** Chooses the item of a link if the package recognises one in `query`; otherwise calls `onNoLink`. */
    function resolve(query, onNoLink) {
      // Only one request at a time: wait until the playlists are loaded.
      if (requests.isPending("getLibrary")) {
        timer = setTimeout(() => resolve(query, onNoLink), TYPING_DELAY_MS);
        return;
      }
      requests.send(
        { command: "resolve", text: query },
        "resolved",
        ({ result }) => {
          const item = results.parseItem(result);
          if (item?.uri === results.LIKED_SONGS && liked) return choose(likedSongs);
          if (item && types.includes(item.type)) return choose(item);
          input.setAttribute("aria-invalid", "true");
          const listFormat = new Intl.ListFormat(pages.strings.locale, { type: "disjunction" });
          const kinds = listFormat.format(types.map((type) => results.typeName(type)));
          const name = item?.uri === results.LIKED_SONGS ? likedSongs.name : results.typeName(item?.type);
          showError(item ? text("linkOtherKind", { kind: name || item.type, kinds }) : text("linkUnknown"), false);
        },
        (message, error) => {
          if (error?.reason === "noLink") return onNoLink();
          input.setAttribute("aria-invalid", "true");
          if (error?.field !== "text") return showError(message);
          showError(text(LINK_ISSUES.get(error.reason) || "linkUnknown"), false);
          const item = unshared && error.reason === "notShared" ? results.parseItem(error.result) : null;
          if (!item || !types.includes(item.type)) return;
          // Spotify returns no name, so the name of its type is used.
          unsharedItem = { ...item, name: results.typeName(item.type) };
          keep.hidden = false;
        },
      );
    }

    /** Loads the next page of the playlists, when the list is scrolled to its end. */
    function loadMore() {
      if (source !== "library" || !isOpen() || nextOffset === null || hasFailed || obstacle()) return;
      if (requests.isPending("getLibrary") || requests.isPending("resolve")) return;
      showStatus(text(playlists.length ? "loadingMore" : "loadingPlaylists"));
      const offset = nextOffset;
      requests.send(
        { command: "getLibrary", kind: "playlists", offset },
        "library",
        ({ results: rows, total }) => {
          const count = Array.isArray(rows) ? rows.length : 0;
          nextOffset = count > 0 && offset + count < total ? offset + count : null;
          playlists = [...playlists, ...parseItems(rows).filter(({ owned }) => !own || owned !== false)];
          showResults();
          if (offset === 0) reveal();
        },
        (message) => showError(message),
      );
    }

    function parseItems(rows) {
      return Array.isArray(rows) ? rows.map(results.parseItem).filter((item) => item && types.includes(item.type)) : [];
    }

    function showResults() {
      const isBlocked = obstacle() !== "";
      const foundTypes = types.filter((type) => found.some((item) => item.type === type));
      filters.node.hidden = isBlocked || source !== "search" || foundTypes.length < 2;
      let groups = [];
      if (isBlocked) {
        groups = [];
      } else if (source === "library") {
        const query = input.value.trim().toLocaleLowerCase();
        const all = liked ? [likedSongs, ...playlists] : playlists;
        const matches = ({ name }) => name.toLocaleLowerCase().includes(query);
        groups = [{ items: query ? all.filter(matches) : all }];
      } else if (filter !== ALL_TYPES || foundTypes.length < 2) {
        groups = [{ items: found.filter(({ type }) => filter === ALL_TYPES || type === filter) }];
      } else {
        groups = foundTypes.map((groupType) => ({
          label: results.typeName(groupType, true),
          items: found.filter(({ type }) => type === groupType).slice(0, MAX_PER_TYPE),
        }));
      }
      list.show(groups, chosen?.uri);
      // The number of results is only announced, because sighted users see the list.
      if (!isBlocked && !hasFailed && !requests.isPending("getLibrary")) showStatus(resultText(), list.length ? "sr-only" : "hint");
    }

    /** Describes what the list shows. */
    function resultText() {
      if (list.length) return text("resultCount", { n: list.length });
      const query = input.value.trim();
      if (source === "library") return text(query ? "noPlaylistOfName" : "noPlaylists");
      return foundQuery === null ? "" : text("nothingFound", { words: foundQuery });
    }

    /** Shows the chosen item, and the chooser if it is open. */
    function show() {
      const open = isOpen();
      chosenNode.textContent = "";
      const item = chosen || { uri: "", type: "none", name: text(none), by: "", image: "" };
      card.classList.toggle("empty", !chosen);
      chosenNode.append(results.picture(item), results.itemText(item));
      setText(change, text(open ? "closeChooser" : chosen ? "change" : "choose"));
      change.setAttribute("aria-expanded", String(open));
      change.hidden = open && !chosen && required;
      clear.hidden = !chosen;
      const isOpening = open && chooser.hidden;
      chooser.hidden = !open;
      if (isOpening) update(0);
    }

    input.addEventListener("input", ({ inputType }) => {
      // Pasted text is complete, so it needs no delay.
      update(/^insertFrom(Paste|Drop)/.test(inputType || "") ? 0 : TYPING_DELAY_MS);
    });
    input.addEventListener("keydown", (event) => {
      // During composition, keys belong to the input method.
      if (event.isComposing) return;
      if (list.onKeyDown(event)) {
        event.preventDefault();
      } else if (event.key === "Enter") {
        update(0);
      } else if (event.key === "Escape" && !change.hidden) {
        openedByUser = false;
        show();
        change.focus();
      }
    });
    accounts.onChange(() => {
      // Retry a failed request when another account is in use or a limit has ended.
      if (!accounts.servingId) failedWith = "";
      const canRetry = hasFailed && !retry.hidden && accounts.servingId !== failedWith;
      if (isOpen() && (canRetry || obstacle() !== lastObstacle)) update(0);
    });

    sources.set(source);
    chooser.hidden = true;
    return {
      node: fields.group("group", id, text(label), card, chooser),
      show(settings) {
        chosen = results.parseItem(settings[setting]);
        if (document.activeElement !== country) {
          market = typeof settings.market === "string" && /^[A-Z]{2}$/.test(settings.market) ? settings.market : "";
          country.value = market;
        }
        // Redraw only if the item differs, because settings are often received unchanged.
        const signature = JSON.stringify(chosen);
        if (signature !== shown) show();
        shown = signature;
      },
    };
  }

  pages.picker = picker;
})();
