/*
 * The panel in which a user links Spotify: the list of accounts, the state of the selected one, and the form with its four steps.
 *
 * The package's settings page contains only this panel, and every property view can open it, because Creator Central has no
 * settings pages for packages. The panel sends all commands; the list and the form notify it of the user's actions.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText, button, isShown, externalLink } = pages.dom;
  const { text } = pages.strings;
  const { accountText, times } = pages;

  /** After this time without a response, a command has failed (ms). The package's own timeout for Spotify is shorter. */
  const RESPONSE_TIMEOUT_MS = 30000;
  /** How long a short message such as "Saved" is shown (ms). */
  const MESSAGE_MS = 2500;

  /** The commands that the panel sends, and whose errors it shows. */
  const OWN_COMMANDS = new Set([
    "getAccounts",
    "saveAccount",
    "moveAccount",
    "useAccount",
    "login",
    "finishLogin",
    "cancelLogin",
    "logout",
    "removeAccount",
    "useFileStore",
    "retryStore",
  ]);
  /** Text keys for issues of the store; for others the package's message is shown. */
  const STORE_ISSUES = new Map([
    ["noKeyring", "storeMemory"],
    ["locked", "storeLocked"],
    ["noAnswer", "storeWaiting"],
  ]);

  class AccountPanel {
    _client;
    _accounts;
    _list;
    _form;
    _nodes = {};
    _shownState = null;
    _shownUsage = "";
    _flashMessage = "";
    _flashTimer = null;
    /** Whether the user is adding an account, even if nothing has been typed yet. */
    _isAdding = false;
    /** The element that had the focus when a command disabled it. */
    _previousFocus = null;
    /** The pending command: `{command, isDone, onDone, timer}`, and `order` for a move. */
    _pending = null;

    /** Builds the panel into `root`. */
    constructor(root, client, accounts) {
      this._client = client;
      this._accounts = accounts;
      this._list = new pages.AccountList({
        select: (id) => this._select(id),
        move: (id, to) => this._move(id, to),
        use: (id) => this._command({ command: "useAccount", id }, () => true),
        add: () => this._add(),
      });
      this._form = new pages.AccountForm(accounts, {
        edit: () => this._onEdit(),
        save: () => this._onSave(),
        login: () => this._login(),
        cancel: () => this._onCancel(),
      });
      this._build(root);
      accounts.onChange(() => this._onAccounts());
      accounts.onTick(() => this._renderTimes());
      accounts.onError((error) => this._showError(error));
      this._onAccounts();
    }

    /** Focuses the form's first field, or the card if the form is hidden. */
    focus() {
      (this._form.firstField || this._nodes.card).focus({ preventScroll: true });
    }

    // Building

    _build(root) {
      const nodes = this._nodes;
      root.textContent = "";
      nodes.notice = element("p", { class: "notice", role: "status", hidden: true });
      nodes.alert = element("p", { class: "notice error", role: "alert", tabindex: "-1", hidden: true });
      nodes.skeleton = element(
        "div",
        { class: "skeleton", "aria-hidden": "true" },
        ...["short", "long", "long", "short", "long"].map((size) => element("span", { class: `bone ${size}` })),
      );
      root.append(
        nodes.notice,
        this._buildUnavailableNotice(),
        this._list.node,
        this._buildCard(),
        nodes.alert,
        this._buildStoreNotice(),
        nodes.skeleton,
        this._form.node,
      );
    }

    _buildUnavailableNotice() {
      const nodes = this._nodes;
      nodes.unavailableTitle = element("strong");
      // Not announced, because it changes every second.
      nodes.countdown = element("span", { class: "countdown", role: "timer", "aria-live": "off" });
      nodes.unavailable = element(
        "div",
        { id: "no-account", class: "notice no-account", hidden: true },
        element(
          "div",
          { class: "card-text", role: "status" },
          nodes.unavailableTitle,
          element("span", { class: "hint", text: text("noAccountHint") }),
        ),
        nodes.countdown,
      );
      return nodes.unavailable;
    }

    _buildCard() {
      const nodes = this._nodes;
      nodes.avatar = element("span", { class: "avatar", "aria-hidden": "true" });
      nodes.role = element("span", { class: "hint role" });
      nodes.state = element("strong", { id: "account-state", role: "status" });
      nodes.facts = element("ul", { class: "facts" });
      nodes.hint = element("span", { class: "hint" });
      nodes.dashboard = externalLink(pages.dom.DASHBOARD_URL, text("openDashboard"), "link");
      nodes.loginAgain = button("login-again", text("loginAgain"), "", () => this._login());
      nodes.logout = button("logout", text("logout"), "", () => {
        const id = this._form.selected;
        this._command({ command: "logout", id }, () => this._account(id)?.state !== "linked");
      });
      nodes.remove = button("remove-account", text("remove"), "quiet", () => this._setRemoveQuestion(true));
      nodes.actions = element("div", { class: "actions" }, nodes.loginAgain, nodes.logout, nodes.remove);
      nodes.card = element(
        "section",
        { class: "card", "aria-labelledby": "account-state", tabindex: "-1" },
        element(
          "div",
          { class: "card-header" },
          nodes.avatar,
          element("div", { class: "card-text" }, nodes.role, nodes.state, nodes.facts, nodes.hint, nodes.dashboard),
          nodes.actions,
        ),
        this._buildLinking(),
        this._buildRemoveQuestion(),
        this._buildUsage(),
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
        on: {
          input: () => {
            this._setFinishError("");
            this._onEdit();
          },
        },
      });
      nodes.finishUrlError = element("p", { id: "finish-url-error", class: "field-error", hidden: true });
      nodes.finish = element("button", { id: "finish", type: "submit", text: text("finish") });
      nodes.cancelLogin = button("cancel-login", text("cancelLogin"), "", () => {
        const id = this._form.selected;
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
      nodes.removeYes = button("remove-yes", text("removeYes"), "danger", () => {
        const id = this._form.selected;
        this._command({ command: "removeAccount", id }, () => !this._account(id));
        this._setRemoveQuestion(false);
      });
      nodes.removeNo = button("remove-no", text("removeNo"), "", () => this._setRemoveQuestion(false));
      nodes.removeQuestion = element(
        "div",
        {
          class: "question",
          role: "group",
          "aria-labelledby": "remove-question",
          hidden: true,
          on: { keydown: (event) => event.key === "Escape" && this._setRemoveQuestion(false) },
        },
        element("p", { id: "remove-question", text: text("removeQuestion") }),
        element("div", { class: "row end" }, nodes.removeNo, nodes.removeYes),
      );
      return nodes.removeQuestion;
    }

    _buildUsage() {
      const nodes = this._nodes;
      const columns = ["usageGroup", "usage30s", "usageHour", "usageDay"];
      nodes.usageRows = element("tbody");
      nodes.usage = element(
        "details",
        { id: "usage", class: "usage", hidden: true },
        element("summary", { text: text("usage") }),
        element(
          "table",
          { "aria-label": text("usage") },
          element("thead", {}, element("tr", {}, ...columns.map((key) => element("th", { scope: "col", text: text(key) })))),
          nodes.usageRows,
        ),
      );
      return nodes.usage;
    }

    _buildStoreNotice() {
      const nodes = this._nodes;
      nodes.storeText = element("span", { id: "store-text" });
      nodes.retryStore = button("retry-store", text("tryAgain"), "", () =>
        this._command({ command: "retryStore" }, () => true),
      );
      nodes.useFileStore = button("use-file-store", text("useFileStore"), "", () =>
        this._command({ command: "useFileStore" }, () => !this._accounts.store.canUseFile),
      );
      nodes.storeNotice = element(
        "div",
        { class: "notice store", role: "status", hidden: true },
        nodes.storeText,
        nodes.retryStore,
        nodes.useFileStore,
      );
      return nodes.storeNotice;
    }

    // User actions

    _account(id) {
      return this._accounts.list.find((account) => account.id === id);
    }

    _current() {
      return this._form.account;
    }

    /** Switches the form to another account (null: the new one). */
    _select(id) {
      if (id === this._form.selected && this._isAdding === (id === null)) return;
      this._form.select(id);
      this._isAdding = id === null;
      this._nodes.alert.hidden = true;
      this._setRemoveQuestion(false);
      this._shownState = null;
      this._render();
    }

    _add() {
      this._select(null);
      this.focus();
      this._form.node.scrollIntoView({ block: "nearest" });
    }

    /** Called when the form has reverted to the saved values. A new account has none, so adding it is cancelled. */
    _onCancel() {
      this._nodes.alert.hidden = true;
      const { main } = this._accounts;
      if (this._form.selected !== null || !main) {
        this._render();
        return;
      }
      this._select(main.id);
      this._list.focusRow(main.id);
    }

    _onEdit() {
      this._nodes.alert.hidden = true;
      this._render();
    }

    // Commands

    /**
     * Sends a command and disables the buttons until `isDone` returns true after a message of the package, an error is received,
     * or the timeout expires. If the command succeeds, calls `onDone`. Returns whether the command was sent.
     */
    _command(command, isDone, onDone) {
      this._clearErrors();
      this._endPending();
      if (!this._client.send(command)) {
        this._showError({ command: command.command, field: "", message: text("noAnswer") });
        return false;
      }
      const timer = setTimeout(() => {
        this._endPending();
        this._showError({ command: command.command, field: "", message: text("noAnswer") });
        this._accounts.refresh();
      }, RESPONSE_TIMEOUT_MS);
      this._pending = { command: command.command, isDone, onDone, timer };
      this._accounts.isPollingPaused = true;
      this._previousFocus = document.activeElement;
      this._render();
      return true;
    }

    _endPending() {
      const pending = this._pending;
      if (!pending) return null;
      clearTimeout(pending.timer);
      this._pending = null;
      this._accounts.isPollingPaused = false;
      return pending;
    }

    /** Moves an account to a place in the order. It is shown there immediately, and more moves may follow. */
    _move(id, to) {
      if (this._pending && this._pending.command !== "moveAccount") return;
      const order = this._shownList().map((account) => account.id).filter((other) => other !== id);
      order.splice(to, 0, id);
      const isMoved = () => {
        const index = this._accounts.list.findIndex((account) => account.id === id);
        return index === to || index < 0;
      };
      if (!this._command({ command: "moveAccount", id, to }, isMoved)) return;
      this._pending.order = order;
      this._render();
      this._list.announceMove(this._account(id), to);
    }

    /** Returns the accounts in their order, including a pending move. */
    _shownList() {
      const { list } = this._accounts;
      const order = this._pending?.order;
      if (!order) return list;
      const place = ({ id }) => (order.includes(id) ? order.indexOf(id) : order.length);
      return [...list].sort((a, b) => place(a) - place(b));
    }

    _onSave() {
      if (this._pending || !this._form.isDirty) return;
      const field = this._form.invalidField();
      if (field) {
        this._showError({ command: "saveAccount", field, message: this._form.invalidText(field) });
        return;
      }
      this._save();
    }

    _save(onDone) {
      const id = this._form.selected;
      const sent = this._form.values();
      const previousIds = new Set(this._accounts.list.map((account) => account.id));
      const command = {
        command: "saveAccount",
        ...(id === null ? {} : { id }),
        clientId: sent.clientId,
        clientSecret: sent.secret,
        redirect: sent.redirect,
        ...(sent.port === undefined ? {} : { port: sent.port }),
        // An empty secret without `pkce` leaves the secret unchanged.
        ...(sent.pkce ? { pkce: true } : {}),
        sameDeveloperAs: sent.sameDeveloperAs,
      };
      const find = () =>
        this._accounts.list.find(
          (account) =>
            (id === null ? !previousIds.has(account.id) : account.id === id) &&
            account.clientId === sent.clientId &&
            (!account.redirect || account.redirect === sent.redirect) &&
            (!account.port || sent.port === undefined || account.port === sent.port),
        );
      this._command(command, find, () => {
        const saved = find();
        this._form.onSaved(saved, sent);
        this._isAdding = false;
        this._flash(text("saved"));
        if (onDone) onDone(saved.id);
      });
    }

    _login() {
      if (this._pending) return;
      const start = (id) =>
        this._command({ command: "login", id }, () => ["linking", "linked"].includes(this._account(id)?.state));
      if (this._form.isDirty) {
        if (!this._form.invalidField()) this._save(start);
      } else if (this._form.selected !== null) {
        start(this._form.selected);
      }
    }

    _finishLogin() {
      const url = this._nodes.finishUrl.value.trim();
      const id = this._form.selected;
      if (this._pending || !url) return;
      this._command({ command: "finishLogin", url }, () => this._account(id)?.state !== "linking");
    }

    _setRemoveQuestion(visible) {
      const nodes = this._nodes;
      const hadFocus = nodes.removeQuestion.contains(document.activeElement);
      nodes.removeQuestion.hidden = !visible;
      nodes.remove.setAttribute("aria-expanded", String(visible));
      if (visible) nodes.removeNo.focus();
      else if (hadFocus) nodes.remove.focus();
    }

    // Errors

    _setFinishError(message) {
      pages.dom.setFieldError(this._nodes.finishUrl, this._nodes.finishUrlError, message);
    }

    _clearErrors() {
      this._form.clearErrors();
      this._setFinishError("");
      this._nodes.alert.hidden = true;
    }

    _showError({ command, field, message }) {
      // The property view shows errors of its own commands.
      if (!OWN_COMMANDS.has(command)) return;
      this._endPending();
      this._render();
      const { alert, finishUrl } = this._nodes;
      const errorText = message || text("noAnswer");
      const isUrl = field === "url" || (command === "finishLogin" && !field);
      if (isUrl && isShown(finishUrl)) {
        this._setFinishError(errorText);
        finishUrl.focus();
      } else if (!this._form.showError(field, errorText)) {
        setText(alert, errorText);
        alert.hidden = false;
        alert.focus();
      }
    }

    _flash(message) {
      this._flashMessage = message;
      clearTimeout(this._flashTimer);
      this._flashTimer = setTimeout(() => {
        this._flashMessage = "";
        this._render();
      }, MESSAGE_MS);
      this._render();
    }

    // Rendering

    _onAccounts() {
      const { list, isLoaded, main } = this._accounts;
      const form = this._form;
      if (isLoaded) {
        const pending = this._pending?.command;
        if (form.selected !== null && !this._current()) {
          if (pending === "removeAccount") form.open(main ? main.id : null);
          else form.detach();
        }
        const isIdle = form.selected === null && !this._isAdding && pending !== "saveAccount" && !form.isDirty;
        if (isIdle && main) form.open(main.id);
        form.mergeSaved();
        form.retainDrafts(list.map(({ id }) => id));
        if (this._pending?.isDone()) this._endPending().onDone?.();
      }
      this._render();
    }

    _render() {
      const nodes = this._nodes;
      const { isLoaded, isSilent, isOffline, list } = this._accounts;
      const account = this._current();
      const none = list.length ? "new" : "none";
      const state = !isLoaded ? (isSilent ? "silent" : "loading") : account ? account.state : none;

      setText(nodes.notice, isOffline ? text("hostLost") : isSilent && isLoaded ? text("packageSilent") : "");
      nodes.notice.hidden = !nodes.notice.textContent;
      nodes.skeleton.hidden = state !== "loading";
      this._renderCard(state, account);
      this._renderUsage(account);
      this._renderTimes();
      this._renderStore();
      this._form.render({ busy: this._isBusy(), flashMessage: this._flashMessage });
      if (state !== this._shownState) this._onStateChange(state);
      this._restoreFocus();
    }

    /** A pending move doesn't count, because it is already shown as done. */
    _isBusy() {
      return Boolean(this._pending) && this._pending.command !== "moveAccount";
    }

    /** Updates everything that changes with the time. */
    _renderTimes() {
      const nodes = this._nodes;
      const { unavailableUntil } = this._accounts;
      const now = Date.now();
      const account = this._current();
      this._list.render({
        list: this._shownList(),
        selected: this._form.selected,
        adding: this._form.hasNew || (this._form.selected === null && this._accounts.list.length > 0),
        busy: this._isBusy(),
        now,
      });
      nodes.unavailable.hidden = unavailableUntil <= now;
      setText(nodes.unavailableTitle, unavailableUntil > now ? text("noAccountUntil", { time: times.until(unavailableUntil, now) }) : "");
      setText(nodes.countdown, unavailableUntil > now ? times.countdown(unavailableUntil - now) : "");
      nodes.card.dataset.tone = account ? accountText.tone(account, now) : "";
      const facts = account ? accountText.facts(account, now) : [];
      nodes.facts.hidden = facts.length === 0;
      const hint = account ? accountText.hint(account, now) : nodes.hint.textContent;
      nodes.card.classList.toggle("detailed", Boolean(account) && (facts.length > 0 || Boolean(hint)));
      while (nodes.facts.children.length > facts.length) nodes.facts.lastChild.remove();
      facts.forEach((fact, index) => {
        if (!nodes.facts.children[index]) nodes.facts.append(element("li"));
        setText(nodes.facts.children[index], fact);
      });
      setText(nodes.hint, hint);
    }

    /** Restores the focus after a command, or focuses the card if the element is hidden or disabled. */
    _restoreFocus() {
      const previous = this._previousFocus;
      if (!previous || this._pending) return;
      this._previousFocus = null;
      const active = document.activeElement;
      if (active !== previous && active !== document.body) return;
      if (isShown(previous) && !previous.disabled) previous.focus({ preventScroll: true });
      else this._focusCard();
    }

    _focusCard() {
      const { card } = this._nodes;
      card.focus({ preventScroll: true });
      card.scrollIntoView({ block: "nearest" });
    }

    _renderCard(state, account) {
      const nodes = this._nodes;
      const list = this._shownList();
      const texts = {
        loading: [text("loading"), ""],
        silent: [text("packageSilent"), text("packageSilentHint")],
        none: [text("notLinked"), text("notLinkedHint")],
        new: [text("newBackup"), text("newBackupHint")],
      };
      const [headline, hint] = account ? [accountText.state(account), accountText.hint(account, Date.now())] : texts[state];
      nodes.card.dataset.state = state;
      nodes.card.classList.toggle("listed", list.length > 0);
      nodes.state.dataset.state = state;
      setText(nodes.state, headline);
      setText(nodes.hint, hint);
      nodes.hint.classList.toggle("warning", Boolean(account?.message || account?.issue) || state === "invalidCredentials");
      setText(nodes.avatar, accountText.initial(account));
      setText(nodes.role, account ? accountText.role(list.indexOf(account)) : "");
      nodes.role.hidden = !account;
      nodes.dashboard.hidden = account?.issue !== "notOnAllowList";
      const busy = this._isBusy();
      const needsLogin = state === "signInAgain" || account?.issue === "otherUser";
      nodes.loginAgain.hidden = state !== "linked" && !needsLogin;
      nodes.loginAgain.classList.toggle("primary", needsLogin || Boolean(account?.signInEndsSoon));
      nodes.logout.hidden = state !== "linked";
      nodes.remove.hidden = !account || state === "linking";
      nodes.actions.hidden = nodes.loginAgain.hidden && nodes.logout.hidden && nodes.remove.hidden;
      for (const action of [nodes.loginAgain, nodes.logout, nodes.remove, nodes.removeYes]) action.disabled = busy;
      if (nodes.remove.hidden) nodes.removeQuestion.hidden = true;
      nodes.linking.hidden = state !== "linking";
      nodes.finishUrl.placeholder = account ? `${account.redirectUri}?code=…` : "";
      nodes.cancelLogin.disabled = busy && this._pending.command === "cancelLogin";
      nodes.finish.disabled = busy || !nodes.finishUrl.value.trim();
    }

    _renderUsage(account) {
      const nodes = this._nodes;
      const order = ({ group }) => accountText.GROUPS.indexOf(group) + 1 || accountText.GROUPS.length + 1;
      const usage = [...(account?.usage || [])].sort((a, b) => order(a) - order(b));
      nodes.usage.hidden = usage.length === 0;
      const rows = usage.map(({ group, last30s, lastHour, lastDay }) => [accountText.group(group), last30s, lastHour, lastDay]);
      if (rows.length > 1) {
        const sum = (column) => rows.reduce((total, row) => total + row[column], 0);
        rows.push([text("usageTotal"), sum(1), sum(2), sum(3)]);
      }
      const signature = JSON.stringify(rows);
      if (signature === this._shownUsage) return;
      this._shownUsage = signature;
      const number = new Intl.NumberFormat(pages.strings.locale);
      nodes.usageRows.textContent = "";
      for (const [name, ...counts] of rows) {
        const cells = counts.map((count) => element("td", { text: number.format(count) }));
        nodes.usageRows.append(element("tr", {}, element("th", { scope: "row", text: name }), ...cells));
      }
    }

    _renderStore() {
      const nodes = this._nodes;
      const { kind, issue, message, canUseFile, canRetry } = this._accounts.store;
      const key = STORE_ISSUES.get(issue) || (kind === "file" && !issue ? "storeFile" : "");
      setText(nodes.storeText, key ? text(key) : message);
      nodes.storeNotice.hidden = !nodes.storeText.textContent;
      nodes.storeNotice.classList.toggle("warn", issue !== "");
      nodes.retryStore.hidden = !canRetry;
      nodes.useFileStore.hidden = !canUseFile;
      nodes.retryStore.disabled = nodes.useFileStore.disabled = this._isBusy();
    }

    /** Opens or closes the form according to the new state, and keeps the focus on a visible element. */
    _onStateChange(state) {
      const nodes = this._nodes;
      const { node: setup, isDirty } = this._form;
      const isSetUp = state === "linked" || state === "signInAgain";
      const focused = document.activeElement;
      setup.hidden = state === "loading" || state === "silent" || (state === "linking" && !isDirty);
      setup.open = !isSetUp || isDirty;
      setup.classList.toggle("foldable", isSetUp);
      if (state !== "linking") {
        nodes.finishUrl.value = "";
        this._setFinishError("");
      } else {
        nodes.alert.hidden = true;
      }
      const isInside = setup.contains(focused) || nodes.card.contains(focused);
      if (this._shownState !== null && isInside && !isShown(focused)) this._focusCard();
      this._shownState = state;
    }
  }

  pages.AccountPanel = AccountPanel;
})();
