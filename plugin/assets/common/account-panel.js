/*
 * The panel in which a user links Spotify: the accounts in their order, what the chosen one is now, and its four steps.
 *
 * The package's settings page is this panel and nothing else; every property view opens the same one, because Creator Central
 * has no place for a package's own settings page. The panel sends all commands; the list and the form tell it of the user.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText, button, isShown, externalLink } = pages.dom;
  const { text } = pages.strings;
  const { words, times } = pages;

  /** After so long a command counts as unanswered (ms); the package itself gives Spotify less. */
  const ANSWER_MS = 30000;
  /** For so long a short message such as "Saved" stays (ms). */
  const MESSAGE_MS = 2500;

  /** What the panel asks for, so that the answer is shown in it. */
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
  /** The words for what may be the matter with the store; for others the package's own are shown. */
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
    _flashed = "";
    _flashTimer = null;
    /** Whether the user is adding an account, although nothing may have been typed yet. */
    _adding = false;
    /** What had the keyboard focus when a command disabled it. */
    _focusBefore = null;
    /** The command that waits for its answer: `{command, answered, then, timer}`, for a move also `id` and `to`. */
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
        edited: () => this._edited(),
        save: () => this._ok(),
        login: () => this._login(),
        cancelled: () => this._cancelled(),
      });
      this._build(root);
      accounts.onChange(() => this._accountsChanged());
      accounts.onTick(() => this._renderTimes());
      accounts.onError((error) => this._showError(error));
      this._accountsChanged();
    }

    /** Puts the keyboard focus where the user goes on. */
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
        this._buildNobody(),
        this._list.node,
        this._buildCard(),
        nodes.alert,
        this._buildStoreNotice(),
        nodes.skeleton,
        this._form.node,
      );
    }

    _buildNobody() {
      const nodes = this._nodes;
      nodes.nobodyTitle = element("strong");
      // A screen reader asks for it when it likes: once a second would be too often to be told.
      nodes.countdown = element("span", { class: "countdown", role: "timer", "aria-live": "off" });
      nodes.nobody = element(
        "div",
        { id: "nobody", class: "notice nobody", hidden: true },
        element(
          "div",
          { class: "card-text", role: "status" },
          nodes.nobodyTitle,
          element("span", { class: "hint", text: text("nobodyText") }),
        ),
        nodes.countdown,
      );
      return nodes.nobody;
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
      nodes.remove = button("remove-account", text("remove"), "quiet", () => this._askRemove(true));
      nodes.actions = element("div", { class: "actions" }, nodes.loginAgain, nodes.logout, nodes.remove);
      nodes.card = element(
        "section",
        { class: "card", "aria-labelledby": "account-state", tabindex: "-1" },
        element(
          "div",
          { class: "card-head" },
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
            this._edited();
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
        this._askRemove(false);
      });
      nodes.removeNo = button("remove-no", text("removeNo"), "", () => this._askRemove(false));
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

    _buildUsage() {
      const nodes = this._nodes;
      const heads = ["usageGroup", "usage30s", "usageHour", "usageDay"];
      nodes.usageRows = element("tbody");
      nodes.usage = element(
        "details",
        { id: "usage", class: "usage", hidden: true },
        element("summary", { text: text("usage") }),
        element(
          "table",
          { "aria-label": text("usage") },
          element("thead", {}, element("tr", {}, ...heads.map((row) => element("th", { scope: "col", text: text(row) })))),
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

    // What the user does

    _account(id) {
      return this._accounts.list.find((one) => one.id === id);
    }

    _current() {
      return this._form.account;
    }

    /** Edits another account (null: the new one). */
    _select(id) {
      if (id === this._form.selected && this._adding === (id === null)) return;
      this._form.select(id);
      this._adding = id === null;
      this._nodes.alert.hidden = true;
      this._askRemove(false);
      this._shownState = null;
      this._render();
    }

    _add() {
      this._select(null);
      this.focus();
      this._form.node.scrollIntoView({ block: "nearest" });
    }

    /** The form has gone back to what is stored; for a new account there is nothing, so it is given up. */
    _cancelled() {
      this._nodes.alert.hidden = true;
      const { main } = this._accounts;
      if (this._form.selected !== null || !main) {
        this._render();
        return;
      }
      this._select(main.id);
      this._list.focusRow(main.id);
    }

    _edited() {
      this._nodes.alert.hidden = true;
      this._render();
    }

    // Commands

    /**
     * Sends a command and keeps the buttons from sending another until `answered` holds after a report of the package, an
     * error comes, or time is up. Then, if all went well, calls `then`. Returns whether it was sent.
     */
    _command(command, answered, then) {
      this._clearErrors();
      this._endPending();
      if (!this._client.send(command)) {
        this._showError({ command: command.command, field: "", message: text("noAnswer") });
        return false;
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
      return true;
    }

    _endPending() {
      const pending = this._pending;
      if (!pending) return null;
      clearTimeout(pending.timer);
      this._pending = null;
      this._accounts.quiet = false;
      return pending;
    }

    /** Moves an account to a place in the order. It is shown there at once, and one move may follow the other. */
    _move(id, to) {
      if (this._pending && this._pending.command !== "moveAccount") return;
      const order = this._shownList().map((one) => one.id).filter((one) => one !== id);
      order.splice(to, 0, id);
      const there = () => {
        const index = this._accounts.list.findIndex((one) => one.id === id);
        return index === to || index < 0;
      };
      if (!this._command({ command: "moveAccount", id, to }, there)) return;
      this._pending.order = order;
      this._render();
      this._list.announceMove(this._account(id), to);
    }

    /** The accounts in the order that they have, or that the user has just given them. */
    _shownList() {
      const { list } = this._accounts;
      const order = this._pending?.order;
      if (!order) return list;
      const place = (one) => (order.includes(one.id) ? order.indexOf(one.id) : order.length);
      return [...list].sort((one, other) => place(one) - place(other));
    }

    _ok() {
      if (this._pending || !this._form.dirty) return;
      const missing = this._form.missing();
      if (missing) {
        this._showError({ command: "saveAccount", field: missing, message: this._form.missingText(missing) });
        return;
      }
      this._save();
    }

    _save(then) {
      const id = this._form.selected;
      const sent = this._form.values();
      const before = new Set(this._accounts.list.map((one) => one.id));
      const command = {
        command: "saveAccount",
        ...(id === null ? {} : { id }),
        clientId: sent.clientId,
        clientSecret: sent.secret,
        redirect: sent.redirect,
        ...(sent.port === undefined ? {} : { port: sent.port }),
        // An empty secret alone means "as before".
        ...(sent.pkce ? { pkce: true } : {}),
        sameDeveloperAs: sent.sameDeveloperAs,
      };
      const find = () =>
        this._accounts.list.find(
          (one) =>
            (id === null ? !before.has(one.id) : one.id === id) &&
            one.clientId === sent.clientId &&
            (!one.redirect || one.redirect === sent.redirect) &&
            (!one.port || sent.port === undefined || one.port === sent.port),
        );
      this._command(command, find, () => {
        const saved = find();
        this._form.taken(saved, sent);
        this._adding = false;
        this._flash(text("saved"));
        if (then) then(saved.id);
      });
    }

    _login() {
      if (this._pending) return;
      const start = (id) =>
        this._command({ command: "login", id }, () => ["linking", "linked"].includes(this._account(id)?.state));
      if (this._form.dirty) {
        if (!this._form.missing()) this._save(start);
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

    _askRemove(ask) {
      const nodes = this._nodes;
      const hadFocus = nodes.removeQuestion.contains(document.activeElement);
      nodes.removeQuestion.hidden = !ask;
      nodes.remove.setAttribute("aria-expanded", String(ask));
      if (ask) nodes.removeNo.focus();
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
      // What the property view asks for itself is shown there.
      if (!OWN_COMMANDS.has(command)) return;
      this._endPending();
      this._render();
      const { alert, finishUrl } = this._nodes;
      const shown = message || text("noAnswer");
      const isUrl = field === "url" || (command === "finishLogin" && !field);
      if (isUrl && isShown(finishUrl)) {
        this._setFinishError(shown);
        finishUrl.focus();
      } else if (!this._form.showError(field, shown)) {
        setText(alert, shown);
        alert.hidden = false;
        alert.focus();
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
      const form = this._form;
      if (known) {
        const pending = this._pending?.command;
        if (form.selected !== null && !this._current()) {
          if (pending === "removeAccount") form.open(main ? main.id : null);
          else form.orphan();
        }
        const idle = form.selected === null && !this._adding && pending !== "saveAccount" && !form.dirty;
        if (idle && main) form.open(main.id);
        form.adopt();
        form.forget(list.map((one) => one.id));
        if (this._pending?.answered()) this._endPending().then?.();
      }
      this._render();
    }

    _render() {
      const nodes = this._nodes;
      const { known, silent, offline, list } = this._accounts;
      const account = this._current();
      const none = list.length ? "new" : "none";
      const state = !known ? (silent ? "silent" : "loading") : account ? account.state : none;

      setText(nodes.notice, offline ? text("hostLost") : silent && known ? text("packageSilent") : "");
      nodes.notice.hidden = !nodes.notice.textContent;
      nodes.skeleton.hidden = state !== "loading";
      this._renderCard(state, account);
      this._renderUsage(account);
      this._renderTimes();
      this._renderStore();
      this._form.render({ busy: this._isBusy(), flashed: this._flashed });
      if (state !== this._shownState) this._stateChanged(state);
      this._restoreFocus();
    }

    /** A move is shown as done already, so nothing else has to wait for it to be looked at. */
    _isBusy() {
      return Boolean(this._pending) && this._pending.command !== "moveAccount";
    }

    /** Shows what changes with the time alone. */
    _renderTimes() {
      const nodes = this._nodes;
      const { nobodyUntil } = this._accounts;
      const now = Date.now();
      const account = this._current();
      this._list.render({
        list: this._shownList(),
        selected: this._form.selected,
        adding: this._form.hasNew || (this._form.selected === null && this._accounts.list.length > 0),
        busy: this._isBusy(),
        now,
      });
      nodes.nobody.hidden = nobodyUntil <= now;
      setText(nodes.nobodyTitle, nobodyUntil > now ? text("nobodyUntil", { time: times.until(nobodyUntil, now) }) : "");
      setText(nodes.countdown, nobodyUntil > now ? times.countdown(nobodyUntil - now) : "");
      nodes.card.dataset.tone = account ? words.tone(account, now) : "";
      const facts = account ? words.facts(account, now) : [];
      nodes.facts.hidden = facts.length === 0;
      const said = account ? words.hint(account, now) : nodes.hint.textContent;
      nodes.card.classList.toggle("detailed", Boolean(account) && (facts.length > 0 || Boolean(said)));
      while (nodes.facts.children.length > facts.length) nodes.facts.lastChild.remove();
      facts.forEach((fact, index) => {
        if (!nodes.facts.children[index]) nodes.facts.append(element("li"));
        setText(nodes.facts.children[index], fact);
      });
      setText(nodes.hint, said);
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

    _renderCard(state, account) {
      const nodes = this._nodes;
      const list = this._shownList();
      const others = {
        loading: [text("loading"), ""],
        silent: [text("packageSilent"), text("packageSilentHint")],
        none: [text("notLinked"), text("notLinkedHint")],
        new: [text("newBackup"), text("newBackupHint")],
      };
      const [headline, hint] = account ? [words.state(account), words.hint(account, Date.now())] : others[state];
      nodes.card.dataset.state = state;
      nodes.card.classList.toggle("listed", list.length > 0);
      nodes.state.dataset.state = state;
      setText(nodes.state, headline);
      setText(nodes.hint, hint);
      nodes.hint.classList.toggle("warning", Boolean(account?.message || account?.trouble) || state === "invalidCredentials");
      setText(nodes.avatar, words.initial(account));
      setText(nodes.role, account ? words.role(list.indexOf(account)) : "");
      nodes.role.hidden = !account;
      nodes.dashboard.hidden = account?.trouble !== "notOnAllowList";
      const busy = this._isBusy();
      const signInAgain = state === "signInAgain" || account?.trouble === "otherUser";
      nodes.loginAgain.hidden = state !== "linked" && !signInAgain;
      nodes.loginAgain.classList.toggle("primary", signInAgain || Boolean(account?.signInEndsSoon));
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
      const order = (one) => words.GROUPS.indexOf(one.group) + 1 || words.GROUPS.length + 1;
      const usage = [...(account?.usage || [])].sort((one, other) => order(one) - order(other));
      nodes.usage.hidden = usage.length === 0;
      const rows = usage.map((one) => [words.group(one.group), one.last30s, one.lastHour, one.lastDay]);
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
      const own = STORE_ISSUES.get(issue) || (kind === "file" && !issue ? "storeFile" : "");
      setText(nodes.storeText, own ? text(own) : message);
      nodes.storeNotice.hidden = !nodes.storeText.textContent;
      nodes.storeNotice.classList.toggle("warn", issue !== "");
      nodes.retryStore.hidden = !canRetry;
      nodes.useFileStore.hidden = !canUseFile;
      nodes.retryStore.disabled = nodes.useFileStore.disabled = this._isBusy();
    }

    /** Opens or folds the steps as the state needs them, and keeps the keyboard focus on something that is shown. */
    _stateChanged(state) {
      const nodes = this._nodes;
      const { node: setup, dirty } = this._form;
      const done = state === "linked" || state === "signInAgain";
      const focusWas = document.activeElement;
      setup.hidden = state === "loading" || state === "silent" || (state === "linking" && !dirty);
      setup.open = !done || dirty;
      setup.classList.toggle("foldable", done);
      if (state !== "linking") {
        nodes.finishUrl.value = "";
        this._setFinishError("");
      } else {
        nodes.alert.hidden = true;
      }
      const inside = setup.contains(focusWas) || nodes.card.contains(focusWas);
      if (this._shownState !== null && inside && !isShown(focusWas)) this._focusCard();
      this._shownState = state;
    }
  }

  pages.AccountPanel = AccountPanel;
})();
