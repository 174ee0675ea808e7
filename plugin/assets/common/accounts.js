/*
 * What the package has told this page about the user's Spotify accounts, and whether it answers at all.
 *
 * The messages are those of docs/settings-messages.md. The page asks on every connection and then now and again, because a
 * package that the host has restarted does not know which pages are open.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** After so long without an answer the page says that the package is not running (ms). */
  const SILENCE_MS = 5000;
  /** Pause between an answer and the next question (ms). */
  const ASK_AGAIN_MS = 20000;

  /** What to register on Spotify's dashboard where the package does not say: the loopback form goes without a port. */
  const REDIRECT_URIS = {
    loopback: "http://127.0.0.1/callback",
    fixed: "http://127.0.0.1:{port}/callback",
    avermedia: "https://www.avermedia.com/oauth/auth_v2.0.php",
  };

  /** The pause between two counts of the remaining time of a limit (ms). */
  const TICK_MS = 1000;

  const string = (value) => (typeof value === "string" ? value : "");
  const number = (value) => (Number.isFinite(value) ? value : 0);
  const objects = (value) => (Array.isArray(value) ? value.filter((one) => typeof one === "object" && one !== null) : []);

  /** A limit that Spotify has set: `until` is a Unix time in milliseconds. */
  function limit({ kind, group, part, until }) {
    return {
      kind: kind === "quota" ? "quota" : "throttle",
      group: string(group) || "all",
      part: part === true,
      until: number(until),
    };
  }

  /** How many requests were sent for one group of calls. */
  function usage({ group, last30s, lastHour, lastDay }) {
    return { group: string(group), last30s: number(last30s), lastHour: number(lastHour), lastDay: number(lastDay) };
  }

  function otherUser(value) {
    const name = string(value?.name);
    const expected = string(value?.expected);
    return name && expected ? { name, expected } : null;
  }

  /** One account as the pages use it: every member has its type, whatever came. */
  function account(value) {
    const user = value.user;
    return {
      id: string(value.id),
      clientId: string(value.clientId),
      state: string(value.state) || "needsLogin",
      user: string(user) || string(user?.name) || string(user?.id),
      identifying: value.identifying === true,
      message: string(value.message),
      active: value.active === true,
      byHand: value.byHand === true,
      redirect: Object.keys(REDIRECT_URIS).includes(value.redirect) ? value.redirect : "",
      port: Number.isInteger(value.port) ? value.port : 0,
      redirectUri: string(value.redirectUri),
      hasSecret: value.hasSecret !== false,
      sameDeveloperAs: string(value.sameDeveloperAs),
      limits: objects(value.limits).map(limit),
      trouble: string(value.trouble),
      otherUser: otherUser(value.otherUser),
      signInEnds: number(value.signInEnds),
      signInEndsSoon: value.signInEndsSoon === true,
      usage: objects(value.usage).map(usage),
    };
  }

  class Accounts {
    _client;
    _listeners = [];
    _errorListeners = [];
    _tickListeners = [];
    _timer = null;
    _ticking = null;
    _redirectUri = "";
    _redirectUris = {};

    /** The accounts in the package's order. */
    list = [];
    /** Until when no account may send anything (Unix ms); 0: some account may. */
    nobodyUntil = 0;
    /** Where secrets are kept, what is the matter with it by name and in words, whether a private file would be better, and a new try possible. */
    store = { kind: "", issue: "", message: "", canUseFile: false, canRetry: false };
    /** Whether the package has ever answered. */
    known = false;
    /** Whether the package leaves questions unanswered. */
    silent = false;
    /** Whether the socket to the host was open once and is lost. */
    offline = false;
    /** Set while a command waits: its answer must not be taken for that of our regular question. */
    quiet = false;

    constructor(client) {
      this._client = client;
      client.on("open", () => {
        this.offline = false;
        this._changed();
        this.ask();
      });
      client.on("closed", () => {
        this.offline = true;
        this._changed();
      });
      client.on("message", (message) => this._receive(message));
      this._expectAnswer();
    }

    /** Calls `listener` after every change. */
    onChange(listener) {
      this._listeners.push(listener);
    }

    /** Calls `listener` with each error `{command, field, message, reason, result}` that the package reports. */
    onError(listener) {
      this._errorListeners.push(listener);
    }

    /** Calls `listener` every second while something is limited: nothing has changed but the time. */
    onTick(listener) {
      this._tickListeners.push(listener);
    }

    /** Asks the package for the accounts; the answer is a change. */
    ask() {
      this._client.send({ command: "getAccounts" });
      this._expectAnswer();
    }

    /** The account that serves the user's presses, or the one that is nearest to doing so; undefined without any. */
    get main() {
      return this.list.find((one) => one.active) || this.list.find((one) => one.state === "linked") || this.list[0];
    }

    /** Who serves, if anybody does: what was refused before this changed may be answered now. */
    get serving() {
      const active = this.list.find((one) => one.active);
      return active && this.nobodyUntil <= Date.now() ? active.id : "";
    }

    /** The redirect choice of an account, or the package's default for a new one. */
    redirectOf(one) {
      if (one?.redirect) return one.redirect;
      return this._redirectUri === this.redirectUri("avermedia") ? "avermedia" : "loopback";
    }

    /** What to register on Spotify's dashboard for that choice (and port, where it is fixed), for `one` or for a new account. */
    redirectUri(choice, one, port) {
      const samePort = choice !== "fixed" || String(one?.port) === String(port);
      if (one?.redirectUri && one.redirect === choice && samePort) return one.redirectUri;
      return (this._redirectUris[choice] || REDIRECT_URIS[choice]).replace("{port}", port);
    }

    _expectAnswer() {
      clearTimeout(this._timer);
      this._timer = setTimeout(() => {
        this.silent = true;
        this._changed();
        this.ask();
      }, SILENCE_MS);
    }

    _askLater() {
      clearTimeout(this._timer);
      this._timer = setTimeout(() => (this.quiet ? this._askLater() : this.ask()), ASK_AGAIN_MS);
    }

    _receive(message) {
      if (message.event === "accounts" && Array.isArray(message.accounts)) {
        this.list = objects(message.accounts)
          .filter((one) => string(one.id))
          .map(account);
        this.nobodyUntil = number(message.nobodyUntil);
        this._redirectUri = string(message.redirectUri);
        this._redirectUris = {
          loopback: string(message.redirectUris?.loopback),
          fixed: string(message.redirectUris?.fixed),
          avermedia: string(message.redirectUris?.avermedia),
        };
        this.store = {
          kind: string(message.store?.kind),
          issue: string(message.store?.issue),
          message: string(message.store?.message),
          canUseFile: message.store?.canUseFile === true,
          canRetry: message.store?.canRetry === true,
        };
        this.known = true;
        this.silent = false;
        this._askLater();
        this._changed();
      } else if (message.event === "error") {
        const error = {
          command: string(message.command),
          field: string(message.field),
          message: string(message.message),
          reason: string(message.reason),
          result: message.result,
        };
        for (const listener of this._errorListeners) listener(error);
      }
    }

    _changed() {
      for (const listener of this._listeners) listener();
      this._tickLater();
    }

    /** A limit ends without a word of the package: as long as there is one, somebody has to look at the clock. */
    _tickLater() {
      clearTimeout(this._ticking);
      const now = Date.now();
      const ends = [this.nobodyUntil, ...this.list.flatMap((one) => one.limits.map(({ until }) => until))];
      if (!ends.some((end) => end > now)) return;
      this._ticking = setTimeout(() => {
        for (const listener of this._tickListeners) listener();
        this._tickLater();
      }, TICK_MS);
    }
  }

  pages.Accounts = Accounts;
})();
