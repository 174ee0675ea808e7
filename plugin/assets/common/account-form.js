/*
 * The form with the four steps that link an account: create an app at Spotify, register the redirect URI, enter Client ID and
 * Secret, log in.
 *
 * It edits one account at a time, or a new one, and never overwrites user input: messages of the package update only fields that
 * the user hasn't changed, and input for one account is kept as a draft while another one is edited.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText, externalLink, copyField, button, isShown } = pages.dom;
  const { text } = pages.strings;
  const { accountText } = pages;

  /** Spotify's illustrated page about creating an app. */
  const INSTRUCTIONS_URL = "https://developer.spotify.com/documentation/web-api/concepts/apps";

  /** How the browser can return from Spotify, with the text keys of each choice's name and explanation. */
  const REDIRECTS = {
    loopback: ["redirectLoopback", "redirectLoopbackHint"],
    fixed: ["redirectFixed", "redirectFixedHint"],
    avermedia: ["redirectAvermedia", "redirectAvermediaHint"],
  };
  /** The ports that a program may listen on without special privileges, and the default. */
  const PORT = { min: 1024, max: 65535, default: 8888 };

  /** How long "Copied" is shown (ms). */
  const MESSAGE_MS = 2500;
  /** The form's values. Each is tracked separately for changes by the user. */
  const FIELDS = ["clientId", "secret", "redirect", "port", "pkce", "sameDeveloperAs"];

  class AccountForm {
    _accounts;
    _on;
    _nodes = {};
    _copyTimer = null;
    _shownDevelopers = "";
    /** Unsaved input for other accounts: by id, the fields and the saved values that they started from. */
    _drafts = new Map();
    /** The saved values that the fields started from. */
    _saved;

    /** Id of the edited account; null: a new one. */
    selected = null;
    /** The form's element. */
    node;

    /** `on` contains the callbacks: `edit()` after every change by the user, `save()`, `login()` and `cancel()`. */
    constructor(accounts, on) {
      this._accounts = accounts;
      this._on = on;
      this.node = this._build();
      this._saved = this._savedValues(undefined);
      this._setFields(this._saved);
    }

    // Building

    _build() {
      const nodes = this._nodes;
      nodes.ok = element("button", { id: "ok", type: "submit", class: "wide", text: text("ok") });
      nodes.cancel = button("cancel", text("cancel"), "wide", () => this._revert());
      nodes.status = element("span", { class: "form-status", role: "status" });
      const form = element(
        "form",
        {
          class: "setup-form",
          novalidate: true,
          autocomplete: "off",
          on: {
            submit: (event) => {
              event.preventDefault();
              this._on.save();
            },
          },
        },
        element("ol", { class: "steps" }, this._step1(), this._step2(), this._step3(), this._step4()),
        element("footer", { class: "form-footer" }, nodes.status, nodes.cancel, nodes.ok),
      );
      return element("details", { class: "setup", hidden: true }, element("summary", { text: text("appSettings") }), form);
    }

    _step(title, ...content) {
      return element("li", { class: "step" }, element("h2", { text: title }), ...content);
    }

    _step1() {
      this._nodes.step1 = element("p");
      return this._step(
        text("step1Title"),
        this._nodes.step1,
        element(
          "div",
          { class: "row" },
          externalLink(pages.dom.DASHBOARD_URL, text("openDashboard"), "button"),
          externalLink(INSTRUCTIONS_URL, text("instructions"), "link"),
        ),
      );
    }

    _step2() {
      const nodes = this._nodes;
      nodes.redirects = {};
      const choices = Object.entries(REDIRECTS).map(([choice, [label]]) => {
        const input = element("input", {
          id: `redirect-${choice}`,
          type: "radio",
          name: "redirect",
          value: choice,
          "aria-describedby": "redirect-hint",
          on: { change: () => this._onEdit("redirect") },
        });
        nodes.redirects[choice] = input;
        return element("label", { class: "segment" }, input, element("span", { text: text(label) }));
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
      nodes.copy = button("copy-redirect", text("copy"), "", () => this._copyRedirect());
      nodes.copy.setAttribute("aria-live", "polite");
      nodes.port = element("input", {
        id: "redirect-port",
        type: "number",
        min: PORT.min,
        max: PORT.max,
        step: 1,
        autocomplete: "off",
        "aria-describedby": "redirect-port-error",
        on: { input: () => this._onEdit("port") },
      });
      nodes.portError = element("p", { id: "redirect-port-error", class: "field-error", hidden: true });
      nodes.portField = element(
        "div",
        { class: "row port" },
        element("label", { for: "redirect-port", text: text("port") }),
        nodes.port,
      );
      return this._step(
        text("step2Title"),
        element("p", { text: text("step2Text") }),
        element("div", { class: "row" }, nodes.redirectUri, nodes.copy),
        element(
          "div",
          { class: "row choices" },
          element("div", { class: "segments", role: "radiogroup", "aria-label": text("redirectChoice") }, ...choices),
          nodes.portField,
        ),
        nodes.portError,
        nodes.redirectHint,
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
        on: { input: () => this._onEdit("clientId") },
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
        on: { input: () => this._onEdit("clientSecret") },
      });
      nodes.clientSecretError = element("p", { id: "client-secret-error", class: "field-error", hidden: true });
      nodes.showSecret = button("show-secret", text("show"), "", () =>
        this._revealSecret(nodes.clientSecret.type === "password"),
      );
      nodes.showSecret.setAttribute("aria-label", text("showSecret"));
      nodes.showSecret.setAttribute("aria-pressed", "false");
      nodes.pkce = element("input", { id: "no-secret", type: "checkbox", on: { change: () => this._onEdit("clientSecret") } });
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
        this._developerField(),
      );
    }

    _developerField() {
      const nodes = this._nodes;
      nodes.sameDeveloperAs = element("select", {
        id: "same-developer",
        "aria-describedby": "same-developer-hint",
        on: { change: () => this._onEdit("sameDeveloperAs") },
      });
      nodes.developer = element(
        "div",
        { class: "developer", hidden: true },
        element("label", { class: "label", for: "same-developer", text: text("sameDeveloper") }),
        nodes.sameDeveloperAs,
        element("p", { id: "same-developer-hint", class: "hint", text: text("sameDeveloperHint") }),
      );
      return nodes.developer;
    }

    _step4() {
      const nodes = this._nodes;
      nodes.login = button("login", text("login"), "primary wide", () => this._on.login());
      nodes.step4 = element("p");
      return this._step(text("step4Title"), element("div", { class: "row login-row" }, nodes.login, nodes.step4));
    }

    // Fields and saved values

    /** The edited account; undefined for a new one. */
    get account() {
      return this._accounts.list.find(({ id }) => id === this.selected);
    }

    _redirectChoice() {
      const chosen = Object.entries(this._nodes.redirects).find(([, input]) => input.checked);
      return chosen ? chosen[0] : "loopback";
    }

    /** Returns the contents of the fields as they were typed. */
    _fields() {
      const nodes = this._nodes;
      return {
        clientId: nodes.clientId.value,
        secret: nodes.clientSecret.value,
        redirect: this._redirectChoice(),
        port: nodes.port.value,
        pkce: nodes.pkce.checked,
        sameDeveloperAs: nodes.sameDeveloperAs.value,
      };
    }

    _setFields({ clientId, secret, redirect, port, pkce, sameDeveloperAs }) {
      const nodes = this._nodes;
      // A number field with invalid input has the value ""; assigning that again would clear the input.
      for (const [input, value] of [
        [nodes.clientId, clientId],
        [nodes.clientSecret, secret],
        [nodes.port, port],
      ]) {
        if (input.value !== value) input.value = value;
      }
      nodes.redirects[redirect].checked = true;
      nodes.pkce.checked = pkce;
      this._renderDevelopers();
      nodes.sameDeveloperAs.value = sameDeveloperAs;
      if (nodes.sameDeveloperAs.selectedIndex < 0) nodes.sameDeveloperAs.value = "";
    }

    _savedValues(account) {
      return {
        clientId: account?.clientId || "",
        secret: "",
        redirect: this._accounts.redirectOf(account),
        port: String(account?.port || PORT.default),
        pkce: Boolean(account) && !account.hasSecret,
        sameDeveloperAs: this._accounts.list.some(({ id }) => id === account?.sameDeveloperAs) ? account.sameDeveloperAs : "",
      };
    }

    /** Returns the values to send to the package, trimmed and without irrelevant ones. */
    values() {
      const { clientId, secret, redirect, port, pkce, sameDeveloperAs } = this._fields();
      return {
        clientId: clientId.trim(),
        secret: pkce ? "" : secret.trim(),
        redirect,
        port: redirect === "fixed" ? Number(port) : undefined,
        pkce,
        sameDeveloperAs,
      };
    }

    /** Whether there are unsaved changes. */
    get isDirty() {
      const values = this.values();
      const saved = this._saved;
      return (
        values.clientId !== saved.clientId ||
        values.redirect !== saved.redirect ||
        (values.redirect === "fixed" && this._nodes.port.value !== saved.port) ||
        values.pkce !== saved.pkce ||
        values.sameDeveloperAs !== saved.sameDeveloperAs ||
        values.secret !== ""
      );
    }

    /** Whether there is input for a new account, even while another one is edited. */
    get hasNew() {
      return this._drafts.has(null) || (this.selected === null && this.isDirty);
    }

    /** Returns whether the package has a secret for the Client ID in the field. */
    _hasSavedSecret() {
      const { account } = this;
      return Boolean(account) && !this._saved.pkce && this.values().clientId === account.clientId;
    }

    _isPortValid() {
      const port = Number(this._nodes.port.value);
      return Number.isInteger(port) && port >= PORT.min && port <= PORT.max;
    }

    /** Returns the first field that is missing or invalid, or null. */
    invalidField() {
      const { clientId, secret, redirect, pkce } = this.values();
      if (redirect === "fixed" && !this._isPortValid()) return "port";
      if (!clientId) return "clientId";
      return secret || pkce || this._hasSavedSecret() ? null : "clientSecret";
    }

    /** Returns the error message for the field that `invalidField` returned. */
    invalidText(field) {
      const keys = { port: "invalidPort", clientId: "needClientId", clientSecret: "needClientSecret" };
      return text(keys[field], { min: PORT.min, max: PORT.max });
    }

    /** Updates the fields that the user hasn't changed to the saved values. */
    mergeSaved() {
      const next = this._savedValues(this.account);
      const fields = this._fields();
      const merged = {};
      for (const name of FIELDS) merged[name] = fields[name] === this._saved[name] ? next[name] : fields[name];
      this._saved = next;
      this._setFields(merged);
    }

    /** Switches to another account (null: a new one), and keeps unsaved input of the current one as a draft. */
    select(id) {
      if (this.isDirty) this._drafts.set(this.selected, { fields: this._fields(), saved: this._saved });
      this.open(id);
    }

    /** Switches to another account, and discards unsaved input of the current one. */
    open(id) {
      this.selected = id;
      const draft = this._drafts.get(id);
      this._drafts.delete(id);
      this._saved = draft ? draft.saved : this._savedValues(this.account);
      this._setFields(draft ? draft.fields : this._saved);
      this.mergeSaved();
      this._revealSecret(false);
      this.clearErrors();
    }

    /** Keeps unsaved input for a new account after the edited account has disappeared without the user's action. */
    detach() {
      const wasDirty = this.isDirty;
      this.selected = null;
      this._saved = this._savedValues(undefined);
      if (!wasDirty) this._setFields(this._saved);
      this.mergeSaved();
    }

    /** Discards drafts of all accounts that are not in `ids`. */
    retainDrafts(ids) {
      for (const id of this._drafts.keys()) if (id !== null && !ids.includes(id)) this._drafts.delete(id);
    }

    /** Marks what was sent as saved in the account `saved`. Input since then remains unsaved. */
    onSaved(saved, sent) {
      this.selected = saved.id;
      if (this.values().secret === sent.secret) {
        this._nodes.clientSecret.value = "";
        this._revealSecret(false);
      }
      this._saved = this._savedValues(saved);
      // Surrounding white space and another notation of a number don't count as changes.
      if (this.values().clientId === saved.clientId) this._nodes.clientId.value = saved.clientId;
      if (saved.redirect === "fixed" && this.values().port === saved.port) this._nodes.port.value = String(saved.port);
    }

    _revert() {
      const hadFocus = this._nodes.cancel === document.activeElement;
      this._setFields(this._saved);
      this._revealSecret(false);
      this.clearErrors();
      if (hadFocus) this._nodes.clientId.focus();
      this._on.cancel();
    }

    _revealSecret(reveal) {
      const { clientSecret, showSecret } = this._nodes;
      clientSecret.type = reveal ? "text" : "password";
      setText(showSecret, reveal ? text("hide") : text("show"));
      showSecret.setAttribute("aria-pressed", String(reveal));
    }

    _onEdit(field) {
      // Client ID and Secret are refused as a pair, so changing one also clears the error of the other.
      if (field === "clientId" || field === "clientSecret") {
        this._setError("clientId", "");
        this._setError("clientSecret", "");
      } else if (field === "port" || field === "redirect") {
        this._setError("port", "");
      }
      this._on.edit();
    }

    async _copyRedirect() {
      const { copy, redirectUri } = this._nodes;
      const isCopied = await copyField(redirectUri);
      setText(copy, isCopied ? text("copied") : text("copyFailed"));
      copy.classList.toggle("done", isCopied);
      if (!isCopied) redirectUri.focus();
      clearTimeout(this._copyTimer);
      this._copyTimer = setTimeout(() => {
        setText(copy, text("copy"));
        copy.classList.remove("done");
      }, MESSAGE_MS);
    }

    // Errors

    _setError(field, message) {
      pages.dom.setFieldError(this._nodes[field], this._nodes[`${field}Error`], message);
    }

    /** Clears the errors of all fields. */
    clearErrors() {
      for (const field of ["clientId", "clientSecret", "port"]) this._setError(field, "");
    }

    /** Shows an error at a field. Returns false if the form doesn't show a field of that name. */
    showError(field, message) {
      if (!["clientId", "clientSecret", "port"].includes(field)) return false;
      this.node.open = true;
      if (!isShown(this._nodes[field])) return false;
      this._setError(field, message);
      this._nodes[field].focus();
      return true;
    }

    // Rendering

    /** The first field, or null if the form is hidden. */
    get firstField() {
      return isShown(this._nodes.clientId) ? this._nodes.clientId : null;
    }

    /** Updates everything that depends on the fields. `busy`: a command is pending; `flashMessage`: what has just been done. */
    render({ busy, flashMessage }) {
      const nodes = this._nodes;
      const { account, isDirty } = this;
      const { list } = this._accounts;
      const index = list.indexOf(account);
      const isBackup = list.length > 0 && index !== 0;
      const choice = this._redirectChoice();
      const isPortValid = this._isPortValid();
      const port = isPortValid ? nodes.port.value : "…";
      setText(nodes.step1, isBackup ? text("step1BackupText") : text("step1Text"));
      setText(nodes.step4, isBackup && list[0].user ? text("step4BackupText", { name: list[0].user }) : text("step4Text"));
      nodes.redirectUri.value = this._accounts.redirectUri(choice, account, port);
      nodes.copy.disabled = choice === "fixed" && !isPortValid;
      nodes.portField.hidden = choice !== "fixed";
      setText(nodes.redirectHint, text(REDIRECTS[choice][1]));
      nodes.clientSecret.disabled = nodes.pkce.checked;
      nodes.showSecret.disabled = nodes.pkce.checked || !nodes.clientSecret.value;
      nodes.clientSecret.placeholder = this._hasSavedSecret() && !nodes.pkce.checked ? text("secretStored") : "";
      this._renderDevelopers();
      // Shown for backups, and for the primary only if it is already set, because the order was changed.
      nodes.developer.hidden = list.length === 0 || (!isBackup && !nodes.sameDeveloperAs.value && !this._saved.sameDeveloperAs);
      nodes.ok.disabled = busy || !isDirty;
      nodes.cancel.disabled = busy || (!isDirty && !(this.selected === null && list.length > 0));
      nodes.login.disabled = busy || this.invalidField() !== null;
      const isRelogin = (account?.state === "linked" || account?.state === "signInAgain") && !isDirty;
      setText(nodes.login, isDirty ? text("saveAndLogin") : isRelogin ? text("loginAgain") : text("login"));
      setText(nodes.status, busy ? text("checking") : isDirty ? text("unsaved") : flashMessage);
      nodes.status.classList.toggle("busy", busy);
      nodes.status.classList.toggle("dirty", !busy && isDirty);
    }

    /** Lists the accounts with which the edited one may share its developer account. */
    _renderDevelopers() {
      const { sameDeveloperAs: select } = this._nodes;
      const options = [["", text("sameDeveloperNone")]];
      this._accounts.list.forEach((account, index) => {
        if (account.id === this.selected) return;
        options.push([account.id, `${accountText.role(index)} – ${text("appOf", { id: accountText.shortened(account.clientId) })}`]);
      });
      // Rebuild the options only if they differ, because the list may be open.
      const signature = JSON.stringify(options);
      if (signature === this._shownDevelopers) return;
      this._shownDevelopers = signature;
      const { value } = select;
      select.textContent = "";
      for (const [id, label] of options) select.append(element("option", { value: id, text: label }));
      select.value = value;
      if (select.selectedIndex < 0) select.value = "";
    }
  }

  pages.AccountForm = AccountForm;
})();
