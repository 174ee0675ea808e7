/*
 * A page's end of the wire to the host.
 *
 * The host calls the global `connectCreatorCentral` when the page has loaded. The client opens its own WebSocket, registers,
 * and connects again whenever the socket drops: the page keeps whatever has been typed into it, and is told by events when it
 * is connected. The widget's settings live here too, because a change must be merged into the newest settings object.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** Tried in this order: Creator Central's own samples use both, and a name may resolve to IPv6 first. */
  const HOST_NAMES = ["127.0.0.1", "localhost"];
  /** Pause before another round over the names, in milliseconds. */
  const RECONNECT_MS = 3000;
  /** For so long our own change of a setting outranks a report of the host, which may have crossed it on its way (ms). */
  const OWN_CHANGE_MS = 2000;

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  /** Hosts hand `info` and `widgetInfo` over as objects; a JSON text is taken as well. */
  function asObject(value) {
    if (typeof value === "string") {
      try {
        value = JSON.parse(value);
      } catch {
        return {};
      }
    }
    return isObject(value) ? value : {};
  }

  /** A settings payload is the settings object itself; one page of the host's documents puts it under `settings`. */
  function settingsOf(payload) {
    if (!isObject(payload)) return null;
    return isObject(payload.settings) ? payload.settings : payload;
  }

  /**
   * Events, by name and with what their handlers get:
   * `started` (nothing): the host has called, language, widget and perhaps settings are known;
   * `open`, `closed` (nothing): the socket is registered, or lost;
   * `message` (object): what the package sent;
   * `settings` (object): the widget's settings, when they come or change.
   */
  class Client {
    _handlers = new Map();
    _socket = null;
    _port = null;
    _uuid = "";
    _registerEvent = "";
    _nextName = 0;
    _retry = null;
    _settings = null;
    _changes = new Map();

    /** UUID of the widget that the page belongs to; for the package's own page the package UUID. */
    widget = "";
    /** The instance that the page belongs to; for the package's own page the package UUID. */
    context = "";
    /** The layout of the instance where the host names it, else undefined. An index, or an object with width and height. */
    layout = undefined;
    /** The language that the host reports, else undefined. */
    language = undefined;

    /** Calls `handler` at each event of that name. */
    on(name, handler) {
      if (!this._handlers.has(name)) this._handlers.set(name, []);
      this._handlers.get(name).push(handler);
    }

    _emit(name, value) {
      for (const handler of this._handlers.get(name) || []) handler(value);
    }

    /** What the host calls by the global `connectCreatorCentral`. A second call replaces the first. */
    start(port, uuid, registerEvent, info, widgetInfo) {
      const application = asObject(info);
      const instance = asObject(widgetInfo);
      const payload = asObject(instance.payload);
      this._port = Number(port);
      this._uuid = String(uuid);
      this._registerEvent = String(registerEvent);
      this.widget = String(instance.widget || uuid);
      this.context = String(instance.context || uuid);
      this.layout = payload.layout ?? instance.layout;
      this.language = asObject(application.application).language || application.language;
      this._settings = isObject(payload.settings) ? payload.settings : null;
      this._emit("started");
      if (this._settings) this._emit("settings", this.settings);
      this._connect();
    }

    _connect() {
      clearTimeout(this._retry);
      this._socket?.close();
      const name = HOST_NAMES[this._nextName];
      const socket = new WebSocket(`ws://${name}:${this._port}`);
      this._socket = socket;
      let opened = false;
      socket.addEventListener("open", () => {
        opened = true;
        socket.send(JSON.stringify({ event: this._registerEvent, uuid: this._uuid }));
        this._toHost("getWidgetSettings");
        this._emit("open");
      });
      socket.addEventListener("message", (message) => this._receive(message.data));
      socket.addEventListener("close", () => {
        if (socket !== this._socket) return;
        this._socket = null;
        if (opened) {
          this._emit("closed");
        } else {
          this._nextName = (this._nextName + 1) % HOST_NAMES.length;
        }
        const otherNameLeft = !opened && this._nextName !== 0;
        this._retry = setTimeout(() => this._connect(), otherNameLeft ? 0 : RECONNECT_MS);
      });
    }

    _receive(text) {
      let message;
      try {
        message = JSON.parse(text);
      } catch {
        return;
      }
      if (!isObject(message)) return;
      if (message.event === "sendToPropertyView" && isObject(message.payload)) {
        this._emit("message", message.payload);
      } else if (message.event === "didReceiveWidgetSettings") {
        const settings = settingsOf(message.payload);
        if (settings) this._takeSettings(settings);
      }
    }

    /** Whether the socket is open, that is, whether `send` has somebody to talk to. */
    get connected() {
      return this._socket?.readyState === WebSocket.OPEN;
    }

    _toHost(event, payload) {
      if (!this.connected) return false;
      this._socket.send(JSON.stringify({ event, widget: this.widget, context: this.context, payload }));
      return true;
    }

    /** Sends a command to the package. False: there is no connection, and nothing was sent. */
    send(command) {
      return this._toHost("sendToPackage", command);
    }

    /** Asks the host to open an address in the user's browser. False: there is no connection. */
    openUrl(url) {
      return this._toHost("openUrl", { url });
    }

    /** The widget's settings as far as they are known: the host's, with our own changes that it may not know yet. */
    get settings() {
      const settings = { ...this._settings };
      for (const [name, { value }] of this._changes) {
        if (value === undefined) delete settings[name];
        else settings[name] = value;
      }
      return settings;
    }

    /**
     * Sets one member of the widget's settings, or takes it away where `value` is undefined; all others are kept. The page is
     * told by a `settings` event at once. Before the settings are known, or without a connection, the change waits.
     */
    setSetting(name, value) {
      this._changes.set(name, { value, sent: null });
      this._store();
      this._emit("settings", this.settings);
    }

    _store() {
      if (!this._settings) {
        this._toHost("getWidgetSettings");
      } else if (this._toHost("setWidgetSettings", this.settings)) {
        for (const change of this._changes.values()) if (change.sent === null) change.sent = Date.now();
      }
    }

    _takeSettings(settings) {
      this._settings = settings;
      let unsent = false;
      for (const [name, change] of this._changes) {
        if (change.sent === null) {
          unsent = true;
          continue;
        }
        const agrees = JSON.stringify(settings[name]) === JSON.stringify(change.value);
        if (agrees || Date.now() - change.sent > OWN_CHANGE_MS) this._changes.delete(name);
      }
      if (unsent) this._store();
      this._emit("settings", this.settings);
    }
  }

  pages.client = new Client();
  globalThis.connectCreatorCentral = (...call) => pages.client.start(...call);
})();
