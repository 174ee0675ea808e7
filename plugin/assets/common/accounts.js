/*
 * The user's Spotify accounts as reported by the package, and whether the package responds.
 *
 * The messages are described in docs/settings-messages.md. The accounts are requested on every connection and then polled,
 * because a package that the host has restarted doesn't know which pages are open.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** After this time without a response, the package counts as not running (ms). */
  const RESPONSE_TIMEOUT_MS = 5000;
  /** Interval between a response and the next request (ms). */
  const POLL_INTERVAL_MS = 20000;

  /** Redirect URIs to register on Spotify's dashboard if the package sends none. The loopback form has no port. */
  const REDIRECT_URIS = {
    loopback: "http://127.0.0.1/callback",
    fixed: "http://127.0.0.1:{port}/callback",
    avermedia: "https://www.avermedia.com/oauth/auth_v2.0.php",
  };

  /** Interval between two updates of the remaining time of a limit (ms). */
  const TICK_MS = 1000;

  const string = (value) => (typeof value === "string" ? value : "");
  const number = (value) => (Number.isFinite(value) ? value : 0);
  const objects = (value) => (Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : []);

  /** Parses a limit set by Spotify; `until` is a Unix time in milliseconds. */
  function parseLimit({ kind, group, part, until }) {
    return {
      kind: kind === "quota" ? "quota" : "throttle",
      group: string(group) || "all",
      part: part === true,
      until: number(until),
    };
  }

  /** Parses the number of requests sent in one group of calls. */
  function parseUsage({ group, last30s, lastHour, lastDay }) {
    return { group: string(group), last30s: number(last30s), lastHour: number(lastHour), lastDay: number(lastDay) };
  }

  function parseOtherUser(value) {
    const name = string(value?.name);
    const expected = string(value?.expected);
    return name && expected ? { name, expected } : null;
  }

  /** Parses one account, so that every member has its type even if the message is malformed. */
  function parseAccount(value) {
    const user = value.user;
    return {
      id: string(value.id),
      clientId: string(value.clientId),
      state: string(value.state) || "needsLogin",
      user: string(user) || string(user?.name) || string(user?.id),
      identifying: value.identifying === true,
      message: string(value.message),
      active: value.active === true,
      isManual: value.byHand === true,
      redirect: Object.keys(REDIRECT_URIS).includes(value.redirect) ? value.redirect : "",
      port: Number.isInteger(value.port) ? value.port : 0,
      redirectUri: string(value.redirectUri),
      hasSecret: value.hasSecret !== false,
      sameDeveloperAs: string(value.sameDeveloperAs),
      limits: objects(value.limits).map(parseLimit),
      issue: string(value.trouble),
      otherUser: parseOtherUser(value.otherUser),
      signInEnds: number(value.signInEnds),
      signInEndsSoon: value.signInEndsSoon === true,
      usage: objects(value.usage).map(parseUsage),
    };
  }

  class Accounts {
    _client;
    _listeners = [];
    _errorListeners = [];
    _tickListeners = [];
    _requestTimer = null;
    _tickTimer = null;
    _redirectUri = "";
    _redirectUris = {};

    /** The accounts in the package's order. */
    list = [];
    /** Until when all accounts are limited (Unix ms); 0 if one is available. */
    unavailableUntil = 0;
    /** Where secrets are stored, its issue by name and as a message, and whether a private file or another attempt can be offered. */
    store = { kind: "", issue: "", message: "", canUseFile: false, canRetry: false };
    /** Whether the package has ever responded. */
    isLoaded = false;
    /** Whether the package has stopped responding. */
    isSilent = false;
    /** Whether the socket to the host was open and is lost. */
    isOffline = false;
    /** Set while a command is pending, because its response looks like that of a poll. */
    isPollingPaused = false;

    constructor(client) {
      this._client = client;
      client.on("open", () => {
        this.isOffline = false;
        this._notify();
        this.refresh();
      });
      client.on("closed", () => {
        this.isOffline = true;
        this._notify();
      });
      client.on("message", (message) => this._onMessage(message));
      this._startTimeout();
    }

    /** Calls `listener` after every change. */
    onChange(listener) {
      this._listeners.push(listener);
    }

    /** Calls `listener` with each error `{command, field, message, reason, result}` that the package reports. */
    onError(listener) {
      this._errorListeners.push(listener);
    }

    /** Calls `listener` every second while there is a limit, although only the time has changed. */
    onTick(listener) {
      this._tickListeners.push(listener);
    }

    /** Requests the accounts from the package. The response counts as a change. */
    refresh() {
      this._client.send({ command: "getAccounts" });
      this._startTimeout();
    }

    /** The account in use, or else the first that is linked, or the first; undefined if there are none. */
    get main() {
      return this.list.find(({ active }) => active) || this.list.find(({ state }) => state === "linked") || this.list[0];
    }

    /** The id of the account in use, or "" if all are limited. When it changes, failed requests may succeed. */
    get servingId() {
      const serving = this.list.find(({ active }) => active);
      return serving && this.unavailableUntil <= Date.now() ? serving.id : "";
    }

    /** Returns the redirect choice of an account, or the package's default for a new one. */
    redirectOf(account) {
      if (account?.redirect) return account.redirect;
      return this._redirectUri === this.redirectUri("avermedia") ? "avermedia" : "loopback";
    }

    /** Returns the redirect URI to register on Spotify's dashboard for a choice (and port, if fixed) of `account` or a new one. */
    redirectUri(choice, account, port) {
      const hasSamePort = choice !== "fixed" || String(account?.port) === String(port);
      if (account?.redirectUri && account.redirect === choice && hasSamePort) return account.redirectUri;
      return (this._redirectUris[choice] || REDIRECT_URIS[choice]).replace("{port}", port);
    }

    _startTimeout() {
      clearTimeout(this._requestTimer);
      this._requestTimer = setTimeout(() => {
        this.isSilent = true;
        this._notify();
        this.refresh();
      }, RESPONSE_TIMEOUT_MS);
    }

    _schedulePoll() {
      clearTimeout(this._requestTimer);
      this._requestTimer = setTimeout(() => (this.isPollingPaused ? this._schedulePoll() : this.refresh()), POLL_INTERVAL_MS);
    }

    _onMessage(message) {
      if (message.event === "accounts" && Array.isArray(message.accounts)) {
        this.list = objects(message.accounts)
          .filter(({ id }) => string(id))
          .map(parseAccount);
        this.unavailableUntil = number(message.nobodyUntil);
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
        this.isLoaded = true;
        this.isSilent = false;
        this._schedulePoll();
        this._notify();
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

    _notify() {
      for (const listener of this._listeners) listener();
      this._scheduleTick();
    }

    /** The package doesn't report the end of a limit, so the time is checked as long as there is one. */
    _scheduleTick() {
      clearTimeout(this._tickTimer);
      const now = Date.now();
      const ends = [this.unavailableUntil, ...this.list.flatMap(({ limits }) => limits.map(({ until }) => until))];
      if (!ends.some((end) => end > now)) return;
      this._tickTimer = setTimeout(() => {
        for (const listener of this._tickListeners) listener();
        this._scheduleTick();
      }, TICK_MS);
    }
  }

  pages.Accounts = Accounts;
})();
