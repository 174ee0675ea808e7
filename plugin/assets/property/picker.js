/*
 * The field by which something of Spotify's is chosen: by search, from the user's own playlists, or by pasting a link.
 *
 * One text field serves all three. It searches while it is typed into, narrows down the playlists where those are shown, and
 * takes a link or URI at once.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { fields, results } = pages;
  const { element, button, setText } = pages.dom;
  const { text } = pages.strings;

  /** So long nothing must be typed before a search is sent (ms): every one counts against the user's quota. */
  const TYPING_MS = 350;
  /** How many of each kind are shown while all kinds are. */
  const OF_EACH = 4;
  /** The filter that shows every kind. */
  const EVERYTHING = "";

  /** The words for what the package finds wrong with a link; a text that is no link at all is looked for instead. */
  const LINK_PROBLEMS = new Map([
    ["otherPage", "linkUnknown"],
    ["shortLink", "linkShort"],
    ["damaged", "linkDamaged"],
    ["notShared", "linkNotShared"],
  ]);

  /**
   * The questions of one field to the package. One is under way at a time, as answers don't say which question was theirs; of
   * those that wait the last one is sent.
   */
  class Questions {
    _now = null;
    _next = null;
    _timer = null;

    constructor(client, accounts) {
      this._client = client;
      client.on("message", (message) => {
        if (message.event === this._now?.event) this._finish((question) => question.answer(message));
      });
      client.on("closed", () => this._finish((question) => question.fail(text("hostLost"))));
      accounts.onError((error) => {
        if (error.command !== this._now?.command.command) return;
        this._finish((question) => question.fail(error.message || text("noAnswer"), error));
      });
    }

    /** Asks: `answer` gets the event of that name, `fail` what went wrong in words, and the package's error if it is one. */
    ask(command, event, answer, fail) {
      this.forget();
      this._next = { command, event, answer, fail, wanted: true };
      if (!this._now) this._send();
    }

    /** Nobody wants the answer any more. */
    forget() {
      this._next = null;
      if (this._now) this._now.wanted = false;
    }

    /** Whether an answer to this command is still waited for. */
    waitsFor(name) {
      return [this._now, this._next].some((question) => question?.wanted && question.command.command === name);
    }

    _send() {
      this._now = this._next;
      this._next = null;
      if (!this._now) return;
      if (this._client.send(this._now.command)) {
        this._timer = setTimeout(() => this._finish((question) => question.fail(text("noAnswer"))), fields.ANSWER_MS);
      } else {
        this._finish((question) => question.fail(text("hostLost")));
      }
    }

    _finish(tell) {
      const question = this._now;
      if (!question) return;
      clearTimeout(this._timer);
      this._now = null;
      if (question.wanted) tell(question);
      if (!this._now) this._send();
    }
  }

  /**
   * Something of Spotify's, kept with what is needed to show it: `setting`, `label`, `none` (the words for nothing chosen),
   * `types` (what may be chosen); `library`: the user's playlists, `own`: only those that the user can change, `liked`: the
   * Liked Songs too; `unshared`: what Spotify doesn't share can be kept all the same; `needed`: without a choice the widget does
   * nothing.
   */
  function picker({ setting, label, none, types, library, own, liked, unshared, needed }) {
    const { client, accounts } = pages;
    const id = `setting-${setting}`;
    const questions = new Questions(client, accounts);
    /** Playlists that are to be changed are never other people's. */
    const searches = !own;
    const likedSongs = { uri: results.LIKED_SONGS, type: "collection", name: text("likedSongs"), by: "", image: "" };

    let chosen = null;
    /** What the card shows. */
    let shown = "";
    /** Whether the user has opened or closed it; null: as it is best. */
    let wanted = null;
    /** `library` or `search`. */
    let source = library ? "library" : "search";
    let filter = EVERYTHING;
    let found = [];
    /** The words that `found` answers; null: nothing was found yet. */
    let foundFor = null;
    let playlists = [];
    /** Where the next page of the playlists begins; null: all are here. */
    let nextPage = 0;
    let failed = false;
    /** Who served when the last question failed. */
    let failedWith = "";
    /** What was in the way of asking when it was last looked at. */
    let inTheWay = "";
    let timer = null;

    // What is chosen

    const what = element("span", { class: "item" });
    const change = button(`${id}-change`, "", "", () => {
      wanted = !isOpen();
      show();
      if (isOpen()) {
        input.focus();
        reveal();
      }
    });
    change.setAttribute("aria-controls", `${id}-chooser`);
    const clear = button(`${id}-clear`, text("clear"), "quiet", () => {
      wanted = null;
      client.setSetting(setting, undefined);
      (isOpen() ? input : change).focus();
    });

    const card = element("div", { class: "chosen" }, what, change, clear);

    // What may be chosen

    const input = element("input", {
      id,
      type: "text",
      // A link may stand in a text that was shared with it.
      maxlength: 2000,
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": text(label),
      "aria-describedby": `${id}-paste`,
    });
    const list = new results.ResultList(`${id}-results`, text("results"), input, { choose, end: () => loadMore() });
    const status = element("p", { id: `${id}-status`, class: "hint", role: "status" });
    const retry = button(`${id}-retry`, text("tryAgain"), "small", () => {
      say("");
      look(0);
      input.focus();
    });
    retry.hidden = true;
    /** What Spotify doesn't share, if it may be kept. */
    let keepable = null;
    const keep = button(`${id}-keep`, text("keepAnyway"), "small", () => choose(keepable));
    keep.hidden = true;
    /** The country whose podcasts are looked for before anyone has logged in; empty: this computer's. */
    let market = "";
    const podcasts = types.includes("show") || types.includes("episode");
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
      foundFor = null;
      look(0);
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
        look(0);
      },
    );
    sources.node.setAttribute("role", "radiogroup");
    sources.node.setAttribute("aria-label", text("chooseFrom"));
    sources.node.hidden = !(library && searches);
    const filters = fields.segments(
      `${id}-filter`,
      [[EVERYTHING, text("everything")], ...types.map((type) => [type, results.kind(type, true)])],
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
      element("div", { class: "row outcome" }, status, retry, keep),
    );

    function isOpen() {
      return wanted ?? (needed && !chosen);
    }

    /** `className` is how it looks; who sees the list needn't be told how long it is. */
    function say(message, className = "hint") {
      failed = false;
      setText(status, message);
      status.className = className;
      retry.hidden = true;
      keep.hidden = true;
    }

    function fail(message, canRetry = true) {
      say(message, "field-error");
      failed = true;
      failedWith = accounts.serving;
      retry.hidden = !canRetry;
    }

    /** What is in the way of asking; empty: nothing. */
    function obstacle() {
      if (!accounts.known) return text("loading");
      const ready = source === "search" ? accounts.list.length > 0 : accounts.list.some((one) => one.state === "linked");
      return ready ? "" : text("linkFirst");
    }

    function choose(item) {
      questions.forget();
      clearTimeout(timer);
      const { uri, type, name, by, image } = item;
      wanted = false;
      input.value = "";
      found = [];
      foundFor = null;
      say("");
      client.setSetting(setting, { uri, name, type, ...(by ? { by } : {}), ...(image ? { image } : {}) });
      show();
      change.focus();
    }

    /** Where the page is low, what was found would begin below its edge: the text field goes to the top. */
    function reveal() {
      if (document.activeElement !== input || list.node.hidden) return;
      if (list.node.getBoundingClientRect().bottom > innerHeight) input.scrollIntoView({ block: "start" });
    }

    /** Does what the text field says, after a pause for typing. */
    function look(pause) {
      clearTimeout(timer);
      input.removeAttribute("aria-invalid");
      const words = input.value.trim();
      input.placeholder = text(source === "search" ? "searchPlaceholder" : "filterPlaceholder");
      // Spotify knows the country of a user who has logged in.
      const linked = accounts.list.some((one) => one.state === "linked");
      countryLine.hidden = !podcasts || source !== "search" || linked || accounts.list.length === 0;
      inTheWay = obstacle();
      input.disabled = Boolean(inTheWay);
      if (inTheWay) {
        questions.forget();
        showResults();
        return say(inTheWay);
      }
      if (source === "library") {
        say("");
        showResults();
        if (words) timer = setTimeout(() => resolve(words, () => loadMore()), pause);
      } else if (!words) {
        questions.forget();
        found = [];
        foundFor = null;
        showResults();
      } else if (words !== foundFor) {
        timer = setTimeout(() => resolve(words, () => search(words)), pause);
      } else {
        showResults();
      }
    }

    function search(words) {
      say(text("searching"));
      questions.ask(
        { command: "search", q: words, types, ...(market ? { market } : {}) },
        "searchResults",
        (message) => {
          found = itemsOf(message.results);
          foundFor = words;
          filter = EVERYTHING;
          filters.set(filter);
          list.rewind();
          showResults();
          reveal();
        },
        (message) => fail(message),
      );
    }

    /** Takes the words for a link if the package knows them for one; `otherwise` is called where they are none. */
    function resolve(words, otherwise) {
      // One question at a time: the playlists that are on their way come first.
      if (questions.waitsFor("getLibrary")) {
        timer = setTimeout(() => resolve(words, otherwise), TYPING_MS);
        return;
      }
      questions.ask(
        { command: "resolve", text: words },
        "resolved",
        ({ result }) => {
          const item = results.itemOf(result);
          if (item?.uri === results.LIKED_SONGS && liked) return choose(likedSongs);
          if (item && types.includes(item.type)) return choose(item);
          input.setAttribute("aria-invalid", "true");
          const list = new Intl.ListFormat(pages.strings.locale, { type: "disjunction" });
          const kinds = list.format(types.map((type) => results.kind(type)));
          const name = item?.uri === results.LIKED_SONGS ? likedSongs.name : results.kind(item?.type);
          fail(item ? text("linkOtherKind", { kind: name || item.type, kinds }) : text("linkUnknown"), false);
        },
        (message, error) => {
          if (error?.reason === "noLink") return otherwise();
          input.setAttribute("aria-invalid", "true");
          if (error?.field !== "text") return fail(message);
          fail(text(LINK_PROBLEMS.get(error.reason) || "linkUnknown"), false);
          const item = unshared && error.reason === "notShared" ? results.itemOf(error.result) : null;
          if (!item || !types.includes(item.type)) return;
          // Spotify tells no name, so that of its kind has to do.
          keepable = { ...item, name: results.kind(item.type) };
          keep.hidden = false;
        },
      );
    }

    /** The next page of the playlists, if somebody looks at the end of what is here. */
    function loadMore() {
      if (source !== "library" || !isOpen() || nextPage === null || failed || obstacle()) return;
      if (questions.waitsFor("getLibrary") || questions.waitsFor("resolve")) return;
      say(text(playlists.length ? "loadingMore" : "loadingPlaylists"));
      const offset = nextPage;
      questions.ask(
        { command: "getLibrary", kind: "playlists", offset },
        "library",
        ({ results: rows, total }) => {
          const count = Array.isArray(rows) ? rows.length : 0;
          nextPage = count > 0 && offset + count < total ? offset + count : null;
          playlists = [...playlists, ...itemsOf(rows).filter(({ owned }) => !own || owned !== false)];
          showResults();
          if (offset === 0) reveal();
        },
        (message) => fail(message),
      );
    }

    function itemsOf(rows) {
      return Array.isArray(rows) ? rows.map(results.itemOf).filter((item) => item && types.includes(item.type)) : [];
    }

    function showResults() {
      const way = obstacle();
      const kinds = types.filter((type) => found.some((item) => item.type === type));
      filters.node.hidden = Boolean(way) || source !== "search" || kinds.length < 2;
      let groups = [];
      if (way) {
        groups = [];
      } else if (source === "library") {
        const words = input.value.trim().toLocaleLowerCase();
        const all = liked ? [likedSongs, ...playlists] : playlists;
        const fits = ({ name }) => name.toLocaleLowerCase().includes(words);
        groups = [{ items: words ? all.filter(fits) : all }];
      } else if (filter !== EVERYTHING || kinds.length < 2) {
        groups = [{ items: found.filter(({ type }) => filter === EVERYTHING || type === filter) }];
      } else {
        groups = kinds.map((kind) => ({
          label: results.kind(kind, true),
          items: found.filter(({ type }) => type === kind).slice(0, OF_EACH),
        }));
      }
      list.show(groups, chosen?.uri);
      if (!way && !failed && !questions.waitsFor("getLibrary")) say(outcome(), list.length ? "sr-only" : "hint");
    }

    /** What the list shows, in words. */
    function outcome() {
      if (list.length) return text("resultCount", { n: list.length });
      const words = input.value.trim();
      if (source === "library") return text(words ? "noPlaylistOfName" : "noPlaylists");
      return foundFor === null ? "" : text("nothingFound", { words: foundFor });
    }

    /** Shows what is chosen, and whether something else is being chosen. */
    function show() {
      const open = isOpen();
      what.textContent = "";
      const item = chosen || { uri: "", type: "none", name: text(none), by: "", image: "" };
      card.classList.toggle("empty", !chosen);
      what.append(results.picture(item), results.words(item));
      setText(change, text(open ? "closeChooser" : chosen ? "change" : "choose"));
      change.setAttribute("aria-expanded", String(open));
      change.hidden = open && !chosen && needed;
      clear.hidden = !chosen;
      const opens = open && chooser.hidden;
      chooser.hidden = !open;
      if (opens) look(0);
    }

    input.addEventListener("input", ({ inputType }) => {
      // What is pasted is whole.
      look(/^insertFrom(Paste|Drop)/.test(inputType || "") ? 0 : TYPING_MS);
    });
    input.addEventListener("keydown", (event) => {
      // While a word is being composed its keys are the input method's.
      if (event.isComposing) return;
      if (list.key(event)) {
        event.preventDefault();
      } else if (event.key === "Enter") {
        look(0);
      } else if (event.key === "Escape" && !change.hidden) {
        wanted = false;
        show();
        change.focus();
      }
    });
    accounts.onChange(() => {
      // A failure goes with its reason: another account serves now, or the wait is over.
      if (!accounts.serving) failedWith = "";
      const servedAgain = failed && !retry.hidden && accounts.serving !== failedWith;
      if (isOpen() && (servedAgain || obstacle() !== inTheWay)) look(0);
    });

    sources.set(source);
    chooser.hidden = true;
    return {
      node: fields.group("group", id, text(label), card, chooser),
      show(settings) {
        chosen = results.itemOf(settings[setting]);
        if (document.activeElement !== country) {
          market = typeof settings.market === "string" && /^[A-Z]{2}$/.test(settings.market) ? settings.market : "";
          country.value = market;
        }
        // As the packages' settings come again and again, what is being read stays where it is.
        const signature = JSON.stringify(chosen);
        if (signature !== shown) show();
        shown = signature;
      },
    };
  }

  pages.picker = picker;
})();
