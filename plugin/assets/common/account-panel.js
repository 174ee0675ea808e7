/*
 * The panel in which a user links Spotify: what the account is now, the four steps to link it, log-in and log-out.
 *
 * The package's settings page is this panel and nothing else; every property view opens the same one, because Creator Central
 * has no place for a package's own settings page. What a user has typed is only ever replaced by the user: reports of the
 * package change the fields that nobody has touched.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText, externalLink, copyField } = pages.dom;
  const { text } = pages.strings;

  const DASHBOARD_URL = "https://developer.spotify.com/dashboard";
  /** Spotify's own page about making an app, with pictures. */
  const INSTRUCTIONS_URL = "https://developer.spotify.com/documentation/web-api/concepts/apps";

  /** After so long a command counts as unanswered (ms); the package itself gives Spotify less. */
  const ANSWER_MS = 30000;
  /** For so long a short message such as "Copied" stays (ms). */
  const MESSAGE_MS = 2500;

  /** The field that an error of the package is about, by the names that the messages use. */
  const FIELDS = { clientId: "clientId", clientSecret: "clientSecret", url: "finishUrl" };

  class AccountPanel {
    _client;
    _accounts;
    _nodes = {};
    /** Id of the account that the form edits; null: a new one. */
    _selected = null;
    _shownState = null;
    _shownList = "";
    _flashed = "";
    _flashTimer = null;
    _copyTimer = null;
    /** What had the keyboard focus when a command disabled it. */
    _focusBefore = null;
    /** What was typed for accounts that are not shown at the moment, by account id. */
    _drafts = new Map();
    /** The stored values that the fields started from. */
    _stored = { clientId: "", redirect: "loopback", pkce: false };
    /** The command that waits for its answer: `{command, answered, then, timer}`. */
    _pending = null;

    /** Builds the panel into `root`. */
    constructor(root, client, accounts) {
      this._client = client;
      this._accounts = accounts;
      this._build(root);
      accounts.onChange(() => this._accountsChanged());
      accounts.onError((error) => this._showError(error));
      this._accountsChanged();
    }

    /** Puts the keyboard focus where the user goes on. */
    focus() {
      const { clientId, card } = this._nodes;
      (isShown(clientId) ? clientId : card).focus({ preventScroll: true });
    }

    // Building

    _build(root) {
      const nodes = this._nodes;
      root.textContent = "";
      nodes.notice = element("p", { class: "notice", role: "status", hidden: true });
      nodes.list = element("div", { class: "account-list", role: "radiogroup", "aria-label": text("accounts"), hidden: true });
      nodes.alert = element("p", { class: "notice error", role: "alert", tabindex: "-1", hidden: true });
      nodes.storeNotice = this._buildStoreNotice();
      nodes.skeleton = element(
        "div",
        { class: "skeleton", "aria-hidden": "true" },
        ...["short", "long", "long", "short", "long"].map((size) => element("span", { class: `bone ${size}` })),
      );
      root.append(
        nodes.notice,
        nodes.list,
        this._buildCard(),
        nodes.alert,
        nodes.storeNotice,
        nodes.skeleton,
        this._buildSetup(),
      );
    }

    _buildCard() {
      const nodes = this._nodes;
      nodes.avatar = element("span", { class: "avatar", "aria-hidden": "true" });
      nodes.state = element("strong", { id: "account-state", role: "status" });
      nodes.hint = element("span", { class: "hint" });
      nodes.app = element("span", { class: "hint app-id" });
      nodes.loginAgain = this._button("login-again", text("loginAgain"), "", () => this._login());
      nodes.logout = this._button("logout", text("logout"), "", () => {
        const id = this._selected;
        this._command({ command: "logout", id }, () => this._account(id)?.state !== "linked");
      });
      nodes.remove = this._button("remove-account", text("remove"), "quiet", () => this._askRemove(true));
      nodes.actions = element("div", { class: "actions" }, nodes.loginAgain, nodes.logout, nodes.remove);
      nodes.card = element(
        "section",
        { class: "card", "aria-labelledby": "account-state", tabindex: "-1" },
        element(
          "div",
          { class: "card-head" },
          nodes.avatar,
          element("div", { class: "card-text" }, nodes.state, nodes.hint, nodes.app),
          nodes.actions,
        ),
        this._buildLinking(),
        this._buildRemoveQuestion(),
      );
      return nodes.card;
    }

    _buildLinking() {
      const nodes = this._nodes;
      nodes.finishUrl = element("input", {
        id: "finish-url",
        type: "text",
        inputmode: "url",
        autocomplete: "off",
        spellcheck: "false",
        "aria-describedby": "finish-url-error",
        placeholder: "http://127.0.0.1/callback?code=…",
        on: { input: () => this._fieldEdited("finishUrl") },
      });
      nodes.finishUrlError = element("p", { id: "finish-url-error", class: "field-error", hidden: true });
      nodes.finish = element("button", { id: "finish", type: "submit", text: text("finish") });
      nodes.cancelLogin = this._button("cancel-login", text("cancelLogin"), "", () => {
        const id = this._selected;
        this._command({ command: "cancelLogin" }, () => this._account(id)?.state !== "linking");
      });
      nodes.linking = element(
        "form",
        {
          class: "linking",
          novalidate: true,
          hidden: true,
          on: {
            submit: (event) => {
              event.preventDefault();
              this._finishLogin();
            },
          },
        },
        element("label", { class: "label", for: "finish-url", text: text("finishLabel") }),
        element("div", { class: "row" }, nodes.finishUrl, nodes.finish),
        nodes.finishUrlError,
        element("div", { class: "row end" }, nodes.cancelLogin),
      );
      return nodes.linking;
    }

    _buildRemoveQuestion() {
      const nodes = this._nodes;
      nodes.removeYes = this._button("remove-yes", text("removeYes"), "danger", () => {
        const id = this._selected;
        this._command({ command: "removeAccount", id }, () => !this._account(id));
        this._askRemove(false);
      });
      nodes.removeNo = this._button("remove-no", text("removeNo"), "", () => this._askRemove(false));
      nodes.removeQuestion = element(
        "div",
        {
          class: "question",
          role: "group",
          "aria-labelledby": "remove-question",
          hidden: true,
          on: { keydown: (event) => event.key === "Escape" && this._askRemove(false) },
        },
        element("p", { id: "remove-question", text: text("removeQuestion") }),
        element("div", { class: "row end" }, nodes.removeNo, nodes.removeYes),
      );
      return nodes.removeQuestion;
    }

    _buildStoreNotice() {
      const nodes = this._nodes;
      nodes.storeText = element("span", { id: "store-text" });
      nodes.useFileStore = this._button("use-file-store", text("useFileStore"), "", () =>
        this._command({ command: "useFileStore" }, () => !this._accounts.store.canUseFile),
      );
      return element("div", { class: "notice store", role: "status", hidden: true }, nodes.storeText, nodes.useFileStore);
    }

    _buildSetup() {
      const nodes = this._nodes;
      nodes.okButton = element("button", { id: "ok", type: "submit", class: "wide", text: text("ok") });
      nodes.cancel = this._button("cancel", text("cancel"), "wide", () => this._revert());
      nodes.formStatus = element("span", { class: "form-status", role: "status" });
      nodes.form = element(
        "form",
        {
          class: "setup-form",
          novalidate: true,
          autocomplete: "off",
          on: {
            submit: (event) => {
              event.preventDefault();
              this._ok();
            },
          },
        },
        element("ol", { class: "steps" }, this._step1(), this._step2(), this._step3(), this._step4()),
        element("footer", { class: "form-footer" }, nodes.formStatus, nodes.cancel, nodes.okButton),
      );
      nodes.setup = element(
        "details",
        { class: "setup", hidden: true },
        element("summary", { text: text("appSettings") }),
        nodes.form,
      );
      return nodes.setup;
    }

    _step(title, ...content) {
      return element("li", { class: "step" }, element("h2", { text: title }), ...content);
    }

    _step1() {
      return this._step(
        text("step1Title"),
        element("p", { text: text("step1Text") }),
        element(
          "div",
          { class: "row" },
          externalLink(DASHBOARD_URL, text("openDashboard"), "button"),
          externalLink(INSTRUCTIONS_URL, text("instructions"), "link"),
        ),
      );
    }

    _step2() {
      const nodes = this._nodes;
      nodes.redirects = {};
      const choices = ["loopback", "avermedia"].map((choice) => {
        const input = element("input", {
          id: `redirect-${choice}`,
          type: "radio",
          name: "redirect",
          value: choice,
          "aria-describedby": "redirect-hint",
          on: { change: () => this._fieldEdited("redirect") },
        });
        nodes.redirects[choice] = input;
        const label = choice === "loopback" ? text("redirectLoopback") : text("redirectAvermedia");
        return element("label", { class: "segment" }, input, element("span", { text: label }));
      });
      nodes.redirectHint = element("p", { id: "redirect-hint", class: "hint" });
      nodes.redirectUri = element("input", {
        id: "redirect-uri",
        type: "text",
        readonly: true,
        spellcheck: "false",
        "aria-label": text("redirectUri"),
        on: { focus: () => nodes.redirectUri.select() },
      });
      nodes.copy = this._button("copy-redirect", text("copy"), "", () => this._copyRedirect());
      nodes.copy.setAttribute("aria-live", "polite");
      return this._step(
        text("step2Title"),
        element("p", { text: text("step2Text") }),
        element("div", { class: "row" }, nodes.redirectUri, nodes.copy),
        element(
          "div",
          { class: "row choices" },
          element("div", { class: "segments", role: "radiogroup", "aria-label": text("redirectChoice") }, ...choices),
          nodes.redirectHint,
        ),
      );
    }

    _step3() {
      const nodes = this._nodes;
      nodes.clientId = element("input", {
        id: "client-id",
        type: "text",
        autocomplete: "off",
        autocapitalize: "off",
        spellcheck: "false",
        "aria-describedby": "client-id-error",
        on: { input: () => this._fieldEdited("clientId") },
      });
      nodes.clientIdError = element("p", { id: "client-id-error", class: "field-error", hidden: true });
      nodes.clientSecret = element("input", {
        id: "client-secret",
        type: "password",
        // Not "off": browsers ignore that for passwords and offer to fill in a stored one.
        autocomplete: "new-password",
        autocapitalize: "off",
        spellcheck: "false",
        "aria-describedby": "client-secret-error",
        on: { input: () => this._fieldEdited("clientSecret") },
      });
      nodes.clientSecretError = element("p", { id: "client-secret-error", class: "field-error", hidden: true });
      nodes.showSecret = this._button("show-secret", text("show"), "", () =>
        this._revealSecret(nodes.clientSecret.type === "password"),
      );
      nodes.showSecret.setAttribute("aria-label", text("showSecret"));
      nodes.showSecret.setAttribute("aria-pressed", "false");
      nodes.pkce = element("input", {
        id: "no-secret",
        type: "checkbox",
        on: { change: () => this._fieldEdited("clientSecret") },
      });
      return this._step(
        text("step3Title"),
        element("p", { text: text("step3Text") }),
        element(
          "div",
          { class: "pair" },
          element(
            "div",
            {},
            element("label", { class: "label", for: "client-id", text: text("clientId") }),
            nodes.clientId,
            nodes.clientIdError,
          ),
          element(
            "div",
            {},
            element("label", { class: "label", for: "client-secret", text: text("clientSecret") }),
            element("div", { class: "row" }, nodes.clientSecret, nodes.showSecret),
            nodes.clientSecretError,
          ),
        ),
        element("label", { class: "check" }, nodes.pkce, element("span", { text: text("noSecret") })),
      );
    }

    _step4() {
      const nodes = this._nodes;
      nodes.login = this._button("login", text("login"), "primary wide", () => this._login());
      return this._step(
        text("step4Title"),
        element("div", { class: "row login-row" }, nodes.login, element("p", { text: text("step4Text") })),
      );
    }

    _button(id, label, className, onClick) {
      return element("button", { id, type: "button", class: className, text: label, on: { click: onClick } });
    }

    // The fields and what is stored

    _account(id) {
      return this._accounts.list.find((one) => one.id === id);
    }

    _current() {
      return this._account(this._selected);
    }

    _redirectChoice() {
      return this._nodes.redirects.avermedia.checked ? "avermedia" : "loopback";
    }

    _fields() {
      const nodes = this._nodes;
      return {
        clientId: nodes.clientId.value.trim(),
        secret: nodes.pkce.checked ? "" : nodes.clientSecret.value.trim(),
        redirect: this._redirectChoice(),
        pkce: nodes.pkce.checked,
      };
    }

    _setFields({ clientId, secret, redirect, pkce }) {
      const nodes = this._nodes;
      nodes.clientId.value = clientId;
      nodes.clientSecret.value = secret;
      nodes.redirects[redirect].checked = true;
      nodes.pkce.checked = pkce;
    }

    _storedValues(account) {
      return {
        clientId: account?.clientId || "",
        redirect: this._accounts.redirectOf(account),
        pkce: Boolean(account) && !account.hasSecret,
      };
    }

    _dirty() {
      const now = this._fields();
      const stored = this._stored;
      return (
        now.clientId !== stored.clientId ||
        now.redirect !== stored.redirect ||
        now.pkce !== stored.pkce ||
        now.secret !== ""
      );
    }

    /** Whether the package has the secret of the Client ID that is in the field. */
    _secretIsStored() {
      const account = this._current();
      return Boolean(account) && !this._stored.pkce && this._fields().clientId === account.clientId;
    }

    /** The field that lacks something, or null. */
    _missing() {
      const { clientId, secret, pkce } = this._fields();
      if (!clientId) return "clientId";
      return secret || pkce || this._secretIsStored() ? null : "clientSecret";
    }

    /** Takes over what is stored now into the fields that the user has not touched. */
    _adoptStored(account) {
      const next = this._storedValues(account);
      const now = this._fields();
      const keep = (name) => (now[name] === this._stored[name] ? next[name] : now[name]);
      this._setFields({
        clientId: now.clientId === this._stored.clientId ? next.clientId : this._nodes.clientId.value,
        secret: this._nodes.clientSecret.value,
        redirect: keep("redirect"),
        pkce: keep("pkce"),
      });
      this._stored = next;
    }

    /** Goes over to another account; what was typed for the former one waits until it is chosen again. */
    _select(id) {
      if (id === this._selected) return;
      if (this._selected !== null) {
        this._drafts.set(this._selected, {
          clientId: this._nodes.clientId.value,
          secret: this._nodes.clientSecret.value,
          redirect: this._redirectChoice(),
          pkce: this._nodes.pkce.checked,
        });
      }
      this._selected = id;
      this._stored = this._storedValues(this._current());
      this._setFields(this._drafts.get(id) || { ...this._stored, secret: "" });
      this._revealSecret(false);
      this._clearErrors();
      this._askRemove(false);
      this._shownState = null;
      this._render();
    }

    _revert() {
      const hadFocus = this._nodes.cancel === document.activeElement;
      this._setFields({ ...this._stored, secret: "" });
      this._revealSecret(false);
      this._clearErrors();
      this._render();
      if (hadFocus) this._nodes.clientId.focus();
    }

    _revealSecret(reveal) {
      const { clientSecret, showSecret } = this._nodes;
      clientSecret.type = reveal ? "text" : "password";
      setText(showSecret, reveal ? text("hide") : text("show"));
      showSecret.setAttribute("aria-pressed", String(reveal));
    }

    _fieldEdited(field) {
      // A pair is refused as a pair: editing one half makes the word about the other half old, too.
      const pair = field === "clientId" || field === "clientSecret";
      if (pair) {
        this._setFieldError("clientId", "");
        this._setFieldError("clientSecret", "");
      } else if (field === "finishUrl") {
        this._setFieldError(field, "");
      }
      this._nodes.alert.hidden = true;
      this._render();
    }

    async _copyRedirect() {
      const { copy, redirectUri } = this._nodes;
      const done = await copyField(redirectUri);
      setText(copy, done ? text("copied") : text("copyFailed"));
      copy.classList.toggle("done", done);
      if (!done) redirectUri.focus();
      clearTimeout(this._copyTimer);
      this._copyTimer = setTimeout(() => {
        setText(copy, text("copy"));
        copy.classList.remove("done");
      }, MESSAGE_MS);
    }

    // Commands

    /**
     * Sends a command and keeps the buttons from sending another until `answered` holds after a report of the package, an
     * error comes, or time is up. Then, if all went well, calls `then`.
     */
    _command(command, answered, then) {
      this._clearErrors();
      this._endPending();
      if (!this._client.send(command)) {
        this._showError({ command: command.command, field: "", message: text("noAnswer") });
        return;
      }
      const timer = setTimeout(() => {
        this._endPending();
        this._showError({ command: command.command, field: "", message: text("noAnswer") });
        this._accounts.ask();
      }, ANSWER_MS);
      this._pending = { command: command.command, answered, then, timer };
      this._accounts.quiet = true;
      this._focusBefore = document.activeElement;
      this._render();
    }

    _endPending() {
      const pending = this._pending;
      if (!pending) return null;
      clearTimeout(pending.timer);
      this._pending = null;
      this._accounts.quiet = false;
      return pending;
    }

    _ok() {
      if (this._pending || !this._dirty()) return;
      const missing = this._missing();
      if (missing) {
        const message = missing === "clientId" ? text("needClientId") : text("needClientSecret");
        this._showError({ command: "saveAccount", field: missing, message });
        return;
      }
      this._save();
    }

    _save(then) {
      const id = this._selected;
      const sent = this._fields();
      const before = new Set(this._accounts.list.map((one) => one.id));
      const command = {
        command: "saveAccount",
        ...(id === null ? {} : { id }),
        clientId: sent.clientId,
        clientSecret: sent.secret,
        redirect: sent.redirect,
        // An empty secret alone means "as before".
        ...(sent.pkce ? { pkce: true } : {}),
      };
      const find = () =>
        this._accounts.list.find(
          (one) =>
            (id === null ? !before.has(one.id) : one.id === id) &&
            one.clientId === sent.clientId &&
            (!one.redirect || one.redirect === sent.redirect),
        );
      this._command(command, find, () => {
        const saved = find();
        this._taken(saved, sent);
        this._flash(text("saved"));
        if (then) then(saved.id);
      });
    }

    /** The fields that still hold what was sent are stored now; what was typed since then stays a change. */
    _taken(saved, sent) {
      this._selected = saved.id;
      if (this._fields().secret === sent.secret) {
        this._nodes.clientSecret.value = "";
        this._revealSecret(false);
      }
      this._stored = this._storedValues(saved);
      this._render();
    }

    _login() {
      if (this._pending) return;
      const start = (id) =>
        this._command({ command: "login", id }, () => ["linking", "linked"].includes(this._account(id)?.state));
      if (this._dirty()) {
        if (!this._missing()) this._save(start);
      } else if (this._selected !== null) {
        start(this._selected);
      }
    }

    _finishLogin() {
      const url = this._nodes.finishUrl.value.trim();
      const id = this._selected;
      if (this._pending || !url) return;
      this._command({ command: "finishLogin", url }, () => this._account(id)?.state !== "linking");
    }

    _askRemove(ask) {
      const nodes = this._nodes;
      const hadFocus = nodes.removeQuestion.contains(document.activeElement);
      nodes.removeQuestion.hidden = !ask;
      nodes.remove.setAttribute("aria-expanded", String(ask));
      if (ask) nodes.removeNo.focus();
      else if (hadFocus) nodes.remove.focus();
    }

    // Errors

    _setFieldError(field, message) {
      const input = this._nodes[field];
      const line = this._nodes[`${field}Error`];
      setText(line, message);
      line.hidden = !message;
      if (message) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }

    _clearErrors() {
      for (const field of Object.values(FIELDS)) this._setFieldError(field, "");
      this._nodes.alert.hidden = true;
    }

    _showError({ command, field, message }) {
      // Devices are not this panel's.
      if (command === "getDevices") return;
      this._endPending();
      this._render();
      const nodes = this._nodes;
      const name = FIELDS[field] || (command === "finishLogin" ? "finishUrl" : "");
      const shown = message || text("noAnswer");
      if (name && name !== "finishUrl") nodes.setup.open = true;
      if (name && isShown(nodes[name])) {
        this._setFieldError(name, shown);
        nodes[name].focus();
      } else {
        setText(nodes.alert, shown);
        nodes.alert.hidden = false;
        nodes.alert.focus();
      }
    }

    _flash(message) {
      this._flashed = message;
      clearTimeout(this._flashTimer);
      this._flashTimer = setTimeout(() => {
        this._flashed = "";
        this._render();
      }, MESSAGE_MS);
      this._render();
    }

    // Showing

    _accountsChanged() {
      const { list, known, main } = this._accounts;
      if (known) {
        if (this._selected !== null && !this._current()) {
          // The account is gone; what was typed stays, as a new account.
          this._drafts.delete(this._selected);
          const dirty = this._dirty();
          this._selected = null;
          if (!dirty) this._adoptStored(undefined);
          this._stored = this._storedValues(undefined);
        }
        const saving = this._pending && this._pending.command === "saveAccount";
        if (this._selected === null && main && !saving && !this._dirty()) this._selected = main.id;
        this._adoptStored(this._current());
        for (const id of this._drafts.keys()) if (!list.some((one) => one.id === id)) this._drafts.delete(id);
        if (this._pending?.answered()) this._endPending().then?.();
      }
      this._render();
    }

    _render() {
      const nodes = this._nodes;
      const { known, silent, offline, list } = this._accounts;
      const account = this._current();
      const state = !known ? (silent ? "silent" : "loading") : account ? account.state : "none";

      setText(nodes.notice, offline ? text("hostLost") : silent && known ? text("packageSilent") : "");
      nodes.notice.hidden = !nodes.notice.textContent;
      nodes.skeleton.hidden = state !== "loading";
      this._renderList(list);
      this._renderCard(state, account);
      this._renderStore();
      this._renderForm(account);
      if (state !== this._shownState) this._stateChanged(state);
      this._restoreFocus();
    }

    /** Gives the keyboard focus back after a command: to where it was, or to the card where that is gone. */
    _restoreFocus() {
      const before = this._focusBefore;
      if (!before || this._pending) return;
      this._focusBefore = null;
      const active = document.activeElement;
      if (active !== before && active !== document.body) return;
      if (isShown(before) && !before.disabled) before.focus({ preventScroll: true });
      else this._focusCard();
    }

    _focusCard() {
      const { card } = this._nodes;
      card.focus({ preventScroll: true });
      card.scrollIntoView({ block: "nearest" });
    }

    _renderList(list) {
      const { list: box } = this._nodes;
      box.hidden = list.length < 2;
      const busy = Boolean(this._pending);
      const signature = JSON.stringify([list, this._selected, busy]);
      if (box.hidden || signature === this._shownList) return;
      this._shownList = signature;
      const focused = box.contains(document.activeElement) && document.activeElement.value;
      box.textContent = "";
      box.append(
        ...list.map((one) => {
          const input = element("input", {
            type: "radio",
            name: "account",
            value: one.id,
            disabled: busy,
            on: { change: () => this._select(one.id) },
          });
          input.checked = one.id === this._selected;
          const card = element(
            "label",
            {
              class: one.id === this._selected ? "account selected" : "account",
              "data-state": one.state,
              "data-account": one.id,
            },
            input,
            element("span", { class: "avatar small", "aria-hidden": "true", text: initial(one) }),
            element(
              "span",
              { class: "card-text" },
              element("span", { text: one.user || text("appOf", { id: shortened(one.clientId) }) }),
              element("span", { class: "hint", text: one.state === "linked" ? text("linked") : stateText(one) }),
            ),
          );
          if (one.active) card.append(element("span", { class: "badge", text: text("inUse") }));
          if (focused === one.id) queueMicrotask(() => input.focus());
          return card;
        }),
      );
    }

    _renderCard(state, account) {
      const nodes = this._nodes;
      const hints = {
        silent: text("packageSilentHint"),
        none: text("notLinkedHint"),
        needsLogin: text("stateNeedsLoginHint"),
        linking: text("stateLinkingHint"),
        invalidCredentials: text("stateInvalidHint"),
      };
      const words = { loading: text("loading"), silent: text("packageSilent"), none: text("notLinked") };
      nodes.card.dataset.state = state;
      nodes.state.dataset.state = state;
      setText(nodes.state, account ? stateText(account) : words[state]);
      setText(nodes.avatar, initial(account));
      setText(nodes.hint, account?.message || hints[state] || "");
      nodes.hint.classList.toggle("warning", Boolean(account?.message) || state === "invalidCredentials");
      setText(nodes.app, account?.clientId ? text("appOf", { id: shortened(account.clientId) }) : "");
      nodes.app.hidden = !account || state === "linking";
      const busy = Boolean(this._pending);
      nodes.loginAgain.hidden = state !== "linked";
      nodes.logout.hidden = state !== "linked";
      nodes.remove.hidden = !account || state === "linking";
      for (const button of [nodes.loginAgain, nodes.logout, nodes.remove, nodes.removeYes]) button.disabled = busy;
      if (nodes.remove.hidden) nodes.removeQuestion.hidden = true;
      nodes.linking.hidden = state !== "linking";
      nodes.cancelLogin.disabled = busy && this._pending.command === "cancelLogin";
      nodes.finish.disabled = busy || !nodes.finishUrl.value.trim();
    }

    _renderStore() {
      const nodes = this._nodes;
      const { kind, message, canUseFile } = this._accounts.store;
      const words = kind === "memory" && canUseFile ? text("storeMemory") : message;
      setText(nodes.storeText, words || (kind === "file" ? text("storeFile") : ""));
      nodes.storeNotice.hidden = !nodes.storeText.textContent;
      nodes.storeNotice.classList.toggle("warn", kind !== "file");
      nodes.useFileStore.hidden = !canUseFile;
      nodes.useFileStore.disabled = Boolean(this._pending);
    }

    _renderForm(account) {
      const nodes = this._nodes;
      const busy = Boolean(this._pending);
      const dirty = this._dirty();
      const choice = this._redirectChoice();
      nodes.redirectUri.value = this._accounts.redirectUri(choice, account);
      setText(nodes.redirectHint, choice === "loopback" ? text("redirectLoopbackHint") : text("redirectAvermediaHint"));
      nodes.clientSecret.disabled = nodes.pkce.checked;
      nodes.showSecret.disabled = nodes.pkce.checked || !nodes.clientSecret.value;
      nodes.clientSecret.placeholder = this._secretIsStored() && !nodes.pkce.checked ? text("secretStored") : "";
      nodes.okButton.disabled = busy || !dirty;
      nodes.cancel.disabled = busy || !dirty;
      nodes.login.disabled = busy || this._missing() !== null;
      const again = account?.state === "linked" && !dirty;
      setText(nodes.login, dirty ? text("saveAndLogin") : again ? text("loginAgain") : text("login"));
      setText(nodes.formStatus, busy ? text("checking") : dirty ? text("unsaved") : this._flashed);
      nodes.formStatus.classList.toggle("busy", busy);
      nodes.formStatus.classList.toggle("dirty", !busy && dirty);
    }

    /** Opens or folds the steps as the state needs them, and keeps the keyboard focus on something that is shown. */
    _stateChanged(state) {
      const nodes = this._nodes;
      const dirty = this._dirty();
      const focusWas = document.activeElement;
      nodes.setup.hidden = state === "loading" || state === "silent" || (state === "linking" && !dirty);
      nodes.setup.open = state !== "linked" || dirty;
      nodes.setup.classList.toggle("foldable", state === "linked");
      if (state !== "linking") {
        nodes.finishUrl.value = "";
        this._setFieldError("finishUrl", "");
      } else {
        nodes.alert.hidden = true;
      }
      const inside = nodes.setup.contains(focusWas) || nodes.card.contains(focusWas);
      if (this._shownState !== null && inside && !isShown(focusWas)) this._focusCard();
      this._shownState = state;
    }
  }

  /** Whether an element has a place on the page, that is, neither it nor anything around it is hidden. */
  function isShown(node) {
    // What is inside a closed `details` has boxes in newer browsers, and only there is `checkVisibility` known.
    return node.checkVisibility ? node.checkVisibility() : node.getClientRects().length > 0;
  }

  /** The letter that stands for an account's user. */
  function initial(account) {
    const first = account?.user ? Array.from(account.user.trim())[0] : "";
    return first ? first.toLocaleUpperCase() : "♪";
  }

  /** Enough of a Client ID to tell two apart. */
  function shortened(clientId) {
    return clientId.length > 14 ? `${clientId.slice(0, 6)}…${clientId.slice(-4)}` : clientId;
  }

  /** The state of an account in words. */
  function stateText(account) {
    switch (account.state) {
      case "linked":
        return account.user ? text("linkedAs", { name: account.user }) : text("linked");
      case "linking":
        return text("stateLinking");
      case "invalidCredentials":
        return text("stateInvalid");
      default:
        return text("stateNeedsLogin");
    }
  }

  pages.AccountPanel = AccountPanel;
  pages.stateText = stateText;
  pages.initial = initial;
})();
