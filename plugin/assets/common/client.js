/*
 * A page's connection to the host.
 *
 * The host calls the global function `connectCreatorCentral` when the page has loaded. The client opens a WebSocket, registers,
 * and reconnects whenever the socket drops, so that the page keeps what the user has typed; events report the connection's state.
 * The client also stores the widget's settings, because a change has to be merged into the latest settings object.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** Tried in this order: Creator Central's samples use both, and `localhost` may resolve to IPv6 first. */
  const HOST_NAMES = ["127.0.0.1", "localhost"];
  /** Delay before the names are tried again, in milliseconds. */
  const RECONNECT_MS = 3000;
  /** How long a local change of a setting overrides the host's value, which may have been sent before the change arrived (ms). */
  const LOCAL_CHANGE_MS = 2000;

  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  /** Converts `info` or `widgetInfo` to an object: hosts pass objects, but JSON text is accepted as well. */
  function toObject(value) {
    if (typeof value === "string") {
      try {
        value = JSON.parse(value);
      } catch {
        return {};
      }
    }
    return isObject(value) ? value : {};
  }

  /** Returns a payload's settings: the payload itself, or its member `settings`, as one page of the host's documentation has it. */
  function settingsFromPayload(payload) {
    if (!isObject(payload)) return null;
    return isObject(payload.settings) ? payload.settings : payload;
  }

  /**
   * Emits these events, with the value that handlers receive:
   * `started` (none): the host has called; language, widget and possibly settings are known;
   * `open`, `closed` (none): the socket has registered, or was lost;
   * `message` (object): a message of the package;
   * `settings` (object): the widget's settings, when they are received or changed.
   */
  class Client {
    _handlers = new Map();
    _socket = null;
    _port = null;
    _uuid = "";
    _registerEvent = "";
    _hostNameIndex = 0;
    _reconnectTimer = null;
    _settings = null;
    _changes = new Map();

    /** UUID of the widget that the page belongs to; for the settings page, the package's UUID. */
    widget = "";
    /** The instance that the page belongs to; for the settings page, the package's UUID. */
    context = "";
    /** The instance's layout if the host sends it, else undefined. An index, or an object with width and height. */
    layout = undefined;
    /** The language that the host reports, or undefined. */
    language = undefined;

    /** Calls `handler` for each event of that name. */
    on(name, handler) {
      if (!this._handlers.has(name)) this._handlers.set(name, []);
      this._handlers.get(name).push(handler);
    }

    _emit(name, value) {
      for (const handler of this._handlers.get(name) || []) handler(value);
    }

    /** Called by the host as the global `connectCreatorCentral`. A second call replaces the first. */
    start(port, uuid, registerEvent, info, widgetInfo) {
      const application = toObject(info);
      const instance = toObject(widgetInfo);
      const payload = toObject(instance.payload);
      this._port = Number(port);
      this._uuid = String(uuid);
      this._registerEvent = String(registerEvent);
      this.widget = String(instance.widget || uuid);
      this.context = String(instance.context || uuid);
      this.layout = payload.layout ?? instance.layout;
      this.language = toObject(application.application).language || application.language;
      this._settings = isObject(payload.settings) ? payload.settings : null;
      this._emit("started");
      if (this._settings) this._emit("settings", this.settings);
      this._connect();
    }

    _connect() {
      clearTimeout(this._reconnectTimer);
      this._socket?.close();
      const name = HOST_NAMES[this._hostNameIndex];
      const socket = new WebSocket(`ws://${name}:${this._port}`);
      this._socket = socket;
      let wasOpen = false;
      socket.addEventListener("open", () => {
        wasOpen = true;
        socket.send(JSON.stringify({ event: this._registerEvent, uuid: this._uuid }));
        this._sendToHost("getWidgetSettings");
        this._emit("open");
      });
      socket.addEventListener("message", (message) => this._onMessage(message.data));
      socket.addEventListener("close", () => {
        if (socket !== this._socket) return;
        this._socket = null;
        if (wasOpen) {
          this._emit("closed");
        } else {
          this._hostNameIndex = (this._hostNameIndex + 1) % HOST_NAMES.length;
        }
        const hasUntriedName = !wasOpen && this._hostNameIndex !== 0;
        this._reconnectTimer = setTimeout(() => this._connect(), hasUntriedName ? 0 : RECONNECT_MS);
      });
    }

    _onMessage(text) {
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
        const settings = settingsFromPayload(message.payload);
        if (settings) this._onSettings(settings);
      }
    }

    /** Whether the socket is open, so that messages can be sent. */
    get connected() {
      return this._socket?.readyState === WebSocket.OPEN;
    }

    _sendToHost(event, payload) {
      if (!this.connected) return false;
      this._socket.send(JSON.stringify({ event, widget: this.widget, context: this.context, payload }));
      return true;
    }

    /** Sends a command to the package. Returns false, without sending, if there is no connection. */
    send(command) {
      return this._sendToHost("sendToPackage", command);
    }

    /** Asks the host to open an address in the user's browser. Returns false if there is no connection. */
    openUrl(url) {
      return this._sendToHost("openUrl", { url });
    }

    /** The known settings of the widget: the host's, with local changes that it may not have received yet. */
    get settings() {
      const settings = { ...this._settings };
      for (const [name, { value }] of this._changes) {
        if (value === undefined) delete settings[name];
        else settings[name] = value;
      }
      return settings;
    }

    /**
     * Sets one member of the widget's settings, or removes it if `value` is undefined; the others are kept. A `settings` event is
     * emitted immediately. The change is sent as soon as the settings are known and there is a connection.
     */
    setSetting(name, value) {
      this._changes.set(name, { value, sent: null });
      this._sendSettings();
      this._emit("settings", this.settings);
    }

    _sendSettings() {
      if (!this._settings) {
        this._sendToHost("getWidgetSettings");
      } else if (this._sendToHost("setWidgetSettings", this.settings)) {
        for (const change of this._changes.values()) if (change.sent === null) change.sent = Date.now();
      }
    }

    _onSettings(settings) {
      this._settings = settings;
      let hasUnsent = false;
      for (const [name, change] of this._changes) {
        if (change.sent === null) {
          hasUnsent = true;
          continue;
        }
        const isConfirmed = JSON.stringify(settings[name]) === JSON.stringify(change.value);
        if (isConfirmed || Date.now() - change.sent > LOCAL_CHANGE_MS) this._changes.delete(name);
      }
      if (hasUnsent) this._sendSettings();
      this._emit("settings", this.settings);
    }
  }

  pages.client = new Client();
  globalThis.connectCreatorCentral = (...args) => pages.client.start(...args);
})();
