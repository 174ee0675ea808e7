/*
 * The four steps that link an account, as a form: what to make and register at Spotify, Client ID and Secret, log-in.
 *
 * It edits one account at a time, or a new one, and never replaces what a user has typed: reports of the package change the
 * fields that nobody has touched, and what was typed for an account waits while another one is edited.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText, externalLink, copyField, button, isShown } = pages.dom;
  const { text } = pages.strings;
  const { words } = pages;

  /** Spotify's own page about making an app, with pictures. */
  const INSTRUCTIONS_URL = "https://developer.spotify.com/documentation/web-api/concepts/apps";

  /** How the browser may come back from Spotify, with the name and the explanation of each. */
  const REDIRECTS = {
    loopback: ["redirectLoopback", "redirectLoopbackHint"],
    fixed: ["redirectFixed", "redirectFixedHint"],
    avermedia: ["redirectAvermedia", "redirectAvermediaHint"],
  };
  /** The ports that a program may listen on without special rights, and the one that is offered first. */
  const PORT = { min: 1024, max: 65535, standard: 8888 };

  /** For so long "Copied" stays (ms). */
  const MESSAGE_MS = 2500;
  /** The members of what the form holds; each may be touched by the user apart from the others. */
  const FIELDS = ["clientId", "secret", "redirect", "port", "pkce", "sameDeveloperAs"];

  class AccountForm {
    _accounts;
    _on;
    _nodes = {};
    _copyTimer = null;
    _developers = "";
    /** What was typed for accounts that are not edited at the moment: by id, the fields and what they started from. */
    _drafts = new Map();
    /** The stored values that the fields started from. */
    _stored;

    /** Id of the account that is edited; null: a new one. */
    selected = null;
    /** The element of the whole form. */
    node;

    /** `on` has what to call: `edited()` after every change by the user, `save()`, `login()` and `cancelled()`. */
    constructor(accounts, on) {
      this._accounts = accounts;
      this._on = on;
      this.node = this._build();
      this._stored = this._storedValues(undefined);
      this._setFields(this._stored);
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
          on: { change: () => this._edited("redirect") },
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
        on: { input: () => this._edited("port") },
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
        on: { input: () => this._edited("clientId") },
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
        on: { input: () => this._edited("clientSecret") },
      });
      nodes.clientSecretError = element("p", { id: "client-secret-error", class: "field-error", hidden: true });
      nodes.showSecret = button("show-secret", text("show"), "", () =>
        this._revealSecret(nodes.clientSecret.type === "password"),
      );
      nodes.showSecret.setAttribute("aria-label", text("showSecret"));
      nodes.showSecret.setAttribute("aria-pressed", "false");
      nodes.pkce = element("input", { id: "no-secret", type: "checkbox", on: { change: () => this._edited("clientSecret") } });
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
        on: { change: () => this._edited("sameDeveloperAs") },
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

    // The fields and what is stored

    /** The account that is edited; undefined for a new one. */
    get account() {
      return this._accounts.list.find((one) => one.id === this.selected);
    }

    _redirectChoice() {
      const chosen = Object.entries(this._nodes.redirects).find(([, input]) => input.checked);
      return chosen ? chosen[0] : "loopback";
    }

    /** What stands in the fields, as it was typed. */
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
      // A number field with something else typed in says "": writing that back would clear it.
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

    _storedValues(account) {
      return {
        clientId: account?.clientId || "",
        secret: "",
        redirect: this._accounts.redirectOf(account),
        port: String(account?.port || PORT.standard),
        pkce: Boolean(account) && !account.hasSecret,
        sameDeveloperAs: this._accounts.list.some((one) => one.id === account?.sameDeveloperAs) ? account.sameDeveloperAs : "",
      };
    }

    /** What to send to the package: without white space around it, and only what counts. */
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

    /** Whether there is something to be saved. */
    get dirty() {
      const now = this.values();
      const stored = this._stored;
      return (
        now.clientId !== stored.clientId ||
        now.redirect !== stored.redirect ||
        (now.redirect === "fixed" && this._nodes.port.value !== stored.port) ||
        now.pkce !== stored.pkce ||
        now.sameDeveloperAs !== stored.sameDeveloperAs ||
        now.secret !== ""
      );
    }

    /** Whether something was typed for a new account, also while another one is edited. */
    get hasNew() {
      return this._drafts.has(null) || (this.selected === null && this.dirty);
    }

    /** Whether the package has the secret of the Client ID that is in the field. */
    _secretIsStored() {
      const { account } = this;
      return Boolean(account) && !this._stored.pkce && this.values().clientId === account.clientId;
    }

    _portIsRight() {
      const port = Number(this._nodes.port.value);
      return Number.isInteger(port) && port >= PORT.min && port <= PORT.max;
    }

    /** The field that lacks something, or null. */
    missing() {
      const { clientId, secret, redirect, pkce } = this.values();
      if (redirect === "fixed" && !this._portIsRight()) return "port";
      if (!clientId) return "clientId";
      return secret || pkce || this._secretIsStored() ? null : "clientSecret";
    }

    /** What is to be said about the field that `missing` names. */
    missingText(field) {
      const rows = { port: "badPort", clientId: "needClientId", clientSecret: "needClientSecret" };
      return text(rows[field], { min: PORT.min, max: PORT.max });
    }

    /** Takes over what is stored now into the fields that the user has not touched. */
    adopt() {
      const next = this._storedValues(this.account);
      const now = this._fields();
      const merged = {};
      for (const name of FIELDS) merged[name] = now[name] === this._stored[name] ? next[name] : now[name];
      this._stored = next;
      this._setFields(merged);
    }

    /** Goes over to another account (null: a new one); what was typed for the former one waits until it is chosen again. */
    select(id) {
      if (this.dirty) this._drafts.set(this.selected, { fields: this._fields(), stored: this._stored });
      this.open(id);
    }

    /** Goes over to another account, and forgets what was typed for the former one. */
    open(id) {
      this.selected = id;
      const draft = this._drafts.get(id);
      this._drafts.delete(id);
      this._stored = draft ? draft.stored : this._storedValues(this.account);
      this._setFields(draft ? draft.fields : this._stored);
      this.adopt();
      this._revealSecret(false);
      this.clearErrors();
    }

    /** The edited account is gone without the user's doing: what was typed stays, for a new account. */
    orphan() {
      const dirty = this.dirty;
      this.selected = null;
      this._stored = this._storedValues(undefined);
      if (!dirty) this._setFields(this._stored);
      this.adopt();
    }

    /** Forgets what was typed for accounts that are no more. */
    forget(known) {
      for (const id of this._drafts.keys()) if (id !== null && !known.includes(id)) this._drafts.delete(id);
    }

    /** The fields that still hold what was sent are stored now; what was typed since then stays a change. */
    taken(saved, sent) {
      this.selected = saved.id;
      if (this.values().secret === sent.secret) {
        this._nodes.clientSecret.value = "";
        this._revealSecret(false);
      }
      this._stored = this._storedValues(saved);
      // White space around it and a number's other writing are no change.
      if (this.values().clientId === saved.clientId) this._nodes.clientId.value = saved.clientId;
      if (saved.redirect === "fixed" && this.values().port === saved.port) this._nodes.port.value = String(saved.port);
    }

    _revert() {
      const hadFocus = this._nodes.cancel === document.activeElement;
      this._setFields(this._stored);
      this._revealSecret(false);
      this.clearErrors();
      if (hadFocus) this._nodes.clientId.focus();
      this._on.cancelled();
    }

    _revealSecret(reveal) {
      const { clientSecret, showSecret } = this._nodes;
      clientSecret.type = reveal ? "text" : "password";
      setText(showSecret, reveal ? text("hide") : text("show"));
      showSecret.setAttribute("aria-pressed", String(reveal));
    }

    _edited(field) {
      // A pair is refused as a pair: editing one half makes the word about the other half old, too.
      if (field === "clientId" || field === "clientSecret") {
        this._setError("clientId", "");
        this._setError("clientSecret", "");
      } else if (field === "port" || field === "redirect") {
        this._setError("port", "");
      }
      this._on.edited();
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

    // Errors

    _setError(field, message) {
      pages.dom.setFieldError(this._nodes[field], this._nodes[`${field}Error`], message);
    }

    /** Takes the words about wrong fields away. */
    clearErrors() {
      for (const field of ["clientId", "clientSecret", "port"]) this._setError(field, "");
    }

    /** Says what is wrong with a field, where the form shows one of that name. False: it doesn't. */
    showError(field, message) {
      if (!["clientId", "clientSecret", "port"].includes(field)) return false;
      this.node.open = true;
      if (!isShown(this._nodes[field])) return false;
      this._setError(field, message);
      this._nodes[field].focus();
      return true;
    }

    // Showing

    /** The field to begin with, where the form is shown; else null. */
    get firstField() {
      return isShown(this._nodes.clientId) ? this._nodes.clientId : null;
    }

    /** Shows what the fields mean. `busy`: a command waits for its answer; `flashed`: a word about what has just been done. */
    render({ busy, flashed }) {
      const nodes = this._nodes;
      const { account, dirty } = this;
      const { list } = this._accounts;
      const index = list.indexOf(account);
      const backup = list.length > 0 && index !== 0;
      const choice = this._redirectChoice();
      const portIsRight = this._portIsRight();
      const port = portIsRight ? nodes.port.value : "…";
      setText(nodes.step1, backup ? text("step1BackupText") : text("step1Text"));
      setText(nodes.step4, backup && list[0].user ? text("step4BackupText", { name: list[0].user }) : text("step4Text"));
      nodes.redirectUri.value = this._accounts.redirectUri(choice, account, port);
      nodes.copy.disabled = choice === "fixed" && !portIsRight;
      nodes.portField.hidden = choice !== "fixed";
      setText(nodes.redirectHint, text(REDIRECTS[choice][1]));
      nodes.clientSecret.disabled = nodes.pkce.checked;
      nodes.showSecret.disabled = nodes.pkce.checked || !nodes.clientSecret.value;
      nodes.clientSecret.placeholder = this._secretIsStored() && !nodes.pkce.checked ? text("secretStored") : "";
      this._renderDevelopers();
      // Said at the backups; at the primary only where it is already so, after the order was changed.
      nodes.developer.hidden = list.length === 0 || (!backup && !nodes.sameDeveloperAs.value && !this._stored.sameDeveloperAs);
      nodes.ok.disabled = busy || !dirty;
      nodes.cancel.disabled = busy || (!dirty && !(this.selected === null && list.length > 0));
      nodes.login.disabled = busy || this.missing() !== null;
      const again = (account?.state === "linked" || account?.state === "signInAgain") && !dirty;
      setText(nodes.login, dirty ? text("saveAndLogin") : again ? text("loginAgain") : text("login"));
      setText(nodes.status, busy ? text("checking") : dirty ? text("unsaved") : flashed);
      nodes.status.classList.toggle("busy", busy);
      nodes.status.classList.toggle("dirty", !busy && dirty);
    }

    /** Lists the accounts that this one may share its developer account with. */
    _renderDevelopers() {
      const { sameDeveloperAs: select } = this._nodes;
      const options = [["", text("sameDeveloperNone")]];
      this._accounts.list.forEach((one, index) => {
        if (one.id === this.selected) return;
        options.push([one.id, `${words.role(index)} – ${text("appOf", { id: words.shortened(one.clientId) })}`]);
      });
      // An open list must not be rebuilt under the user's hand for nothing.
      const signature = JSON.stringify(options);
      if (signature === this._developers) return;
      this._developers = signature;
      const { value } = select;
      select.textContent = "";
      for (const [id, label] of options) select.append(element("option", { value: id, text: label }));
      select.value = value;
      if (select.selectedIndex < 0) select.value = "";
    }
  }

  pages.AccountForm = AccountForm;
})();
