/*
 * The list of accounts in their order: the primary, the backups, the state of each, and which one is in use.
 *
 * A row is a radio button that selects the account for the form below. The order is changed by dragging a row by its handle
 * (mouse, pen or touch) or with its two buttons, which also work with the keyboard. Rows are updated instead of rebuilt, because
 * the package may send accounts while a row is being dragged or has the focus.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText } = pages.dom;
  const { text } = pages.strings;
  const { accountText } = pages;

  /** Represents the account that is being added and has no id yet. */
  const NEW = "";

  class AccountList {
    _on;
    _rows = new Map();
    /** The current drag: the row, its old and new place, and the rows' positions when it started; or null. */
    _drag = null;
    /** The view to render when the current drag ends. */
    _pendingView = null;

    /** The list's element. */
    node;

    /**
     * `on` contains the callbacks: `select(id)` (null: the new account), `move(id, to)`, `use(id)` (empty: choose automatically)
     * and `add()`.
     */
    constructor(on) {
      this._on = on;
      this._list = element("ol", { class: "account-rows" });
      this._announcer = element("span", { class: "sr-only", role: "status" });
      this._add = element("button", {
        id: "add-account",
        type: "button",
        text: text("addBackup"),
        "aria-describedby": "add-account-hint",
        on: { click: () => on.add() },
      });
      this._addLine = element(
        "div",
        { class: "add-account" },
        this._add,
        element("p", { id: "add-account-hint", class: "hint", text: text("addBackupHint") }),
      );
      this.node = element(
        "section",
        { class: "account-list", "aria-label": text("accounts"), hidden: true },
        element("div", { role: "radiogroup", "aria-label": text("accounts") }, this._list),
        this._addLine,
        this._announcer,
      );
    }

    /** Focuses the row of an account, or of the new one if `id` is null. */
    focusRow(id) {
      this._rows.get(id === null ? NEW : id)?.radio.focus();
    }

    /**
     * Shows the accounts of `list`. `selected` is the id of the account in the form (null: a new one), `adding` is whether there
     * is a new one, `busy` is whether a command is pending, `now` is the time.
     */
    render(view) {
      if (this._drag) {
        this._pendingView = view;
        return;
      }
      const { list, selected, adding, busy } = view;
      this.node.hidden = list.length === 0;
      this._list.classList.toggle("several", list.length > 1);
      const order = list.map(({ id }) => id);
      if (adding) order.push(NEW);
      for (const [id, row] of this._rows) {
        if (order.includes(id)) continue;
        row.node.remove();
        this._rows.delete(id);
      }
      for (const id of order) if (!this._rows.has(id)) this._rows.set(id, id === NEW ? this._newRow() : this._row(id));
      this._arrange(order);
      list.forEach((account, index) => this._renderRow(this._rows.get(account.id), account, index, view));
      const newRow = this._rows.get(NEW);
      if (newRow) {
        setText(newRow.role, accountText.role(list.length));
        newRow.radio.disabled = busy;
      }
      for (const [id, row] of this._rows) {
        const isSelected = id === (selected === null ? NEW : selected);
        row.radio.checked = isSelected;
        row.node.classList.toggle("selected", isSelected);
      }
      this._add.disabled = busy || (adding && selected === null);
    }

    /** Announces an account's new place to screen readers. */
    announceMove(account, index) {
      setText(this._announcer, text("accountMoved", { name: accountText.name(account), role: accountText.role(index) }));
    }

    /** Puts the rows into an order. The focus is restored, because browsers remove it from an element that is moved. */
    _arrange(order) {
      const nodes = order.map((id) => this._rows.get(id).node);
      if (nodes.every((node, index) => this._list.children[index] === node)) return;
      const focused = this._list.contains(document.activeElement) ? document.activeElement : null;
      this._list.append(...nodes);
      if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
    }

    _choice(value, ...content) {
      const radio = element("input", {
        type: "radio",
        name: "account",
        value,
        on: { change: () => this._on.select(value === NEW ? null : value) },
      });
      return { radio, label: element("label", { class: "account-choice" }, radio, ...content) };
    }

    _row(id) {
      const grip = element("span", { class: "grip", title: text("dragToOrder"), "aria-hidden": "true" }, element("span"));
      const avatar = element("span", { class: "avatar small", "aria-hidden": "true" });
      const role = element("strong", { class: "role" });
      const name = element("span", { class: "name" });
      const app = element("span", { class: "hint app" });
      const inUse = element("span", { class: "badge", text: text("inUse") });
      const manual = element("span", { class: "badge manual", text: text("manual") });
      const state = element("span", { class: "hint state" });
      const { radio, label } = this._choice(
        id,
        avatar,
        element(
          "span",
          { class: "card-text" },
          element("span", { class: "title" }, role, name, app, inUse, manual),
          state,
        ),
      );
      const use = element("button", { type: "button", class: "small", on: { click: () => this._use(id) } });
      const [up, down] = [-1, 1].map((step) =>
        element("button", {
          type: "button",
          class: step < 0 ? "icon up" : "icon down",
          on: { click: () => this._step(id, step) },
        }),
      );
      const node = element("li", { class: "account", "data-account": id }, grip, label, use, up, down);
      this._makeDraggable(grip, id);
      return { node, radio, grip, avatar, role, name, app, inUse, manual, state, use, up, down };
    }

    _newRow() {
      const role = element("strong", { class: "role" });
      const { radio, label } = this._choice(
        NEW,
        element("span", { class: "avatar small", "aria-hidden": "true", text: "+" }),
        element(
          "span",
          { class: "card-text" },
          element("span", { class: "title" }, role),
          element("span", { class: "hint state", text: text("notSavedYet") }),
        ),
      );
      return { node: element("li", { class: "account new" }, label), radio, role };
    }

    _renderRow(row, account, index, { list, busy, now }) {
      const isMultiple = list.length > 1;
      const fullName = `${accountText.role(index)}, ${accountText.name(account)}`;
      row.account = account;
      row.index = index;
      row.last = list.length - 1;
      row.node.dataset.state = account.state;
      row.node.dataset.tone = accountText.tone(account, now);
      row.radio.disabled = busy;
      row.grip.hidden = row.up.hidden = row.down.hidden = !isMultiple;
      setText(row.avatar, accountText.initial(account));
      setText(row.role, accountText.role(index));
      setText(row.name, account.user);
      row.name.hidden = !account.user;
      setText(row.app, text("appOf", { id: accountText.shortened(account.clientId) }));
      setText(row.state, accountText.summary(account, now));
      row.inUse.hidden = !account.active;
      row.manual.hidden = !account.isManual;
      const isHealthy = account.state === "linked" && !account.identifying && accountText.tone(account, now) !== "bad";
      const canServe = isMultiple && isHealthy && !accountText.isBlocked(account, now);
      row.use.hidden = !account.isManual && (!canServe || account.active);
      row.use.disabled = busy;
      setText(row.use, account.isManual ? text("useAutomatic") : text("useNow"));
      // Names the account, because the rows of one user have buttons with the same text.
      row.use.setAttribute("aria-label", `${row.use.textContent}: ${fullName}`);
      // `aria-disabled` instead of `disabled`, so that the button keeps the focus when the account reaches the end of the list.
      for (const [button, end, label] of [
        [row.up, 0, "moveUp"],
        [row.down, row.last, "moveDown"],
      ]) {
        button.setAttribute("aria-label", text(label, { name: fullName }));
        button.title = text(label, { name: accountText.role(index) });
        button.setAttribute("aria-disabled", String(index === end));
      }
    }

    _use(id) {
      this._on.use(this._rows.get(id).account.isManual ? "" : id);
    }

    _step(id, step) {
      const { index, last } = this._rows.get(id);
      const to = index + step;
      if (to >= 0 && to <= last) this._on.move(id, to);
    }

    // Dragging

    _makeDraggable(grip, id) {
      grip.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || !event.isPrimary || this._drag) return;
        event.preventDefault();
        grip.setPointerCapture(event.pointerId);
        this._startDrag(id, event.clientY);
      });
      grip.addEventListener("pointermove", (event) => {
        if (this._drag?.id === id) this._dragTo(event.clientY);
      });
      grip.addEventListener("pointerup", () => this._endDrag(id, true));
      for (const end of ["pointercancel", "lostpointercapture"]) {
        grip.addEventListener(end, () => this._endDrag(id, false));
      }
    }

    /** Returns the rows of saved accounts in their order. */
    _savedRows() {
      return [...this._rows.entries()]
        .filter(([id]) => id !== NEW)
        .map(([, row]) => row)
        .sort((a, b) => a.index - b.index);
    }

    _startDrag(id, y) {
      const rows = this._savedRows();
      const boxes = rows.map(({ node }) => node.getBoundingClientRect());
      const from = this._rows.get(id).index;
      const gap = boxes.length > 1 ? boxes[1].top - boxes[0].bottom : 0;
      const onKeyDown = (event) => event.key === "Escape" && this._endDrag(id, false);
      document.addEventListener("keydown", onKeyDown);
      this._drag = { id, from, to: from, y, scroll: globalThis.scrollY, rows, boxes, gap, onKeyDown };
      rows[from].node.classList.add("dragged");
      this._list.classList.add("ordering");
    }

    /** Moves the dragged row with the pointer, and the rows that it has passed out of its way. */
    _dragTo(y) {
      const drag = this._drag;
      const { rows, boxes, from, gap } = drag;
      const distance = y - drag.y + globalThis.scrollY - drag.scroll;
      // The row stays within the list.
      const highest = boxes[0].top - boxes[from].top;
      const lowest = boxes[boxes.length - 1].bottom - boxes[from].bottom;
      const shift = Math.min(Math.max(distance, highest), lowest);
      const top = boxes[from].top + shift;
      const bottom = boxes[from].bottom + shift;
      const middle = (box) => (box.top + box.bottom) / 2;
      const above = boxes.filter((box, index) => index < from && top > middle(box)).length;
      const below = boxes.filter((box, index) => index > from && bottom > middle(box)).length;
      drag.to = above + below;
      const rowHeight = boxes[from].height + gap;
      rows.forEach(({ node }, index) => {
        let offset = 0;
        if (index === from) offset = shift;
        else if (index > from && index <= drag.to) offset = -rowHeight;
        else if (index < from && index >= drag.to) offset = rowHeight;
        node.style.transform = offset ? `translateY(${offset}px)` : "";
      });
    }

    _endDrag(id, drop) {
      const drag = this._drag;
      if (drag?.id !== id) return;
      this._drag = null;
      document.removeEventListener("keydown", drag.onKeyDown);
      for (const { node } of drag.rows) {
        node.style.transform = "";
        node.classList.remove("dragged");
      }
      this._list.classList.remove("ordering");
      const view = this._pendingView;
      this._pendingView = null;
      if (view) this.render(view);
      if (drop && drag.to !== drag.from && this._rows.has(id)) this._on.move(id, drag.to);
    }
  }

  pages.AccountList = AccountList;
})();
