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
    avermedia: "https://www.avermedia.com/oauth/auth_v2.0.php",
  };

  const string = (value) => (typeof value === "string" ? value : "");

  /** One account as the pages use it: every member has its type, whatever came. */
  function account(value) {
    const user = value.user;
    return {
      id: string(value.id),
      clientId: string(value.clientId),
      state: string(value.state) || "needsLogin",
      user: string(user) || string(user?.name) || string(user?.id),
      message: string(value.message),
      active: value.active === true,
      redirect: value.redirect === "avermedia" || value.redirect === "loopback" ? value.redirect : "",
      redirectUri: string(value.redirectUri),
      hasSecret: value.hasSecret !== false,
    };
  }

  class Accounts {
    _client;
    _listeners = [];
    _errorListeners = [];
    _timer = null;
    _redirectUri = "";
    _redirectUris = {};

    /** The accounts in the package's order. */
    list = [];
    /** Where secrets are kept, what is to be said about it, and whether a private file would be better. */
    store = { kind: "", message: "", canUseFile: false };
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

    /** Calls `listener` with each error `{command, field, message}` that the package reports. */
    onError(listener) {
      this._errorListeners.push(listener);
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

    /** The redirect choice of an account, or the package's default for a new one. */
    redirectOf(one) {
      if (one?.redirect) return one.redirect;
      return this._redirectUri === this.redirectUri("avermedia") ? "avermedia" : "loopback";
    }

    /** What to register on Spotify's dashboard for that choice, for `one` or for a new account. */
    redirectUri(choice, one) {
      if (one?.redirectUri && one.redirect === choice) return one.redirectUri;
      return this._redirectUris[choice] || REDIRECT_URIS[choice];
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
        this.list = message.accounts
          .filter((one) => typeof one === "object" && one !== null && typeof one.id === "string")
          .map(account);
        this._redirectUri = string(message.redirectUri);
        this._redirectUris = {
          loopback: string(message.redirectUris?.loopback),
          avermedia: string(message.redirectUris?.avermedia),
        };
        this.store = {
          kind: string(message.store?.kind),
          message: string(message.store?.message),
          canUseFile: message.store?.canUseFile === true,
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
        };
        for (const listener of this._errorListeners) listener(error);
      }
    }

    _changed() {
      for (const listener of this._listeners) listener();
    }
  }

  pages.Accounts = Accounts;
})();
