/*
 * The accounts in their order: which is the primary, which back it up, what each is now, and which one serves.
 *
 * A row is a radio button that chooses which account the form below edits. The order is changed by dragging a row by its
 * handle (mouse, pen or finger) or by its two buttons, which a keyboard reaches too. Rows are kept and changed rather than
 * built again, because the package may report while one is being dragged or has the keyboard focus.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText } = pages.dom;
  const { text } = pages.strings;
  const { words } = pages;

  /** The value that stands for the account that is being added and has no id yet. */
  const NEW = "";

  class AccountList {
    _on;
    _rows = new Map();
  /** The drag that runs: which row, from which place to which, and how all lay when it began; null: none. */
    _drag = null;
    /** What came to be shown while a row was being dragged. */
    _late = null;

    /** The element of the whole list. */
    node;

    /**
     * `on` has what to call: `select(id)` (null: the new account), `move(id, to)`, `use(id)` (empty: none by hand any more)
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

    /** Puts the keyboard focus on the row of an account; null: on the new one's. */
    focusRow(id) {
      this._rows.get(id === null ? NEW : id)?.radio.focus();
    }

    /**
     * Shows the accounts of `list`. `selected` is the id that the form edits (null: a new one), `adding` whether there is a
     * new one, `busy` whether a command waits for its answer, `now` the time.
     */
    render(view) {
      if (this._drag) {
        this._late = view;
        return;
      }
      const { list, selected, adding, busy } = view;
      this.node.hidden = list.length === 0;
      this._list.classList.toggle("several", list.length > 1);
      const order = list.map((one) => one.id);
      if (adding) order.push(NEW);
      for (const [id, row] of this._rows) {
        if (order.includes(id)) continue;
        row.node.remove();
        this._rows.delete(id);
      }
      for (const id of order) if (!this._rows.has(id)) this._rows.set(id, id === NEW ? this._newRow() : this._row(id));
      this._arrange(order);
      list.forEach((one, index) => this._show(this._rows.get(one.id), one, index, view));
      const fresh = this._rows.get(NEW);
      if (fresh) {
        setText(fresh.role, words.role(list.length));
        fresh.radio.disabled = busy;
      }
      for (const [id, row] of this._rows) {
        const chosen = id === (selected === null ? NEW : selected);
        row.radio.checked = chosen;
        row.node.classList.toggle("selected", chosen);
      }
      this._add.disabled = busy || (adding && selected === null);
    }

    /** Tells a screen reader where an account has come to. */
    announceMove(account, index) {
      setText(this._announcer, text("moved", { name: words.name(account), role: words.role(index) }));
    }

    /** Puts the rows into that order. What has the focus keeps it: a browser takes it from an element that is moved. */
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
      const byHand = element("span", { class: "badge by-hand", text: text("byHand") });
      const state = element("span", { class: "hint state" });
      const { radio, label } = this._choice(
        id,
        avatar,
        element(
          "span",
          { class: "card-text" },
          element("span", { class: "title" }, role, name, app, inUse, byHand),
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
      return { node, radio, grip, avatar, role, name, app, inUse, byHand, state, use, up, down };
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

    _show(row, account, index, { list, busy, now }) {
      const several = list.length > 1;
      const whole = `${words.role(index)}, ${words.name(account)}`;
      row.account = account;
      row.index = index;
      row.last = list.length - 1;
      row.node.dataset.state = account.state;
      row.node.dataset.tone = words.tone(account, now);
      row.radio.disabled = busy;
      row.grip.hidden = row.up.hidden = row.down.hidden = !several;
      setText(row.avatar, words.initial(account));
      setText(row.role, words.role(index));
      setText(row.name, account.user);
      row.name.hidden = !account.user;
      setText(row.app, text("appOf", { id: words.shortened(account.clientId) }));
      setText(row.state, words.brief(account, now));
      row.inUse.hidden = !account.active;
      row.byHand.hidden = !account.byHand;
      const fine = account.state === "linked" && !account.identifying && words.tone(account, now) !== "bad";
      const canServe = several && fine && !words.isShut(account, now);
      row.use.hidden = !account.byHand && (!canServe || account.active);
      row.use.disabled = busy;
      setText(row.use, account.byHand ? text("useAutomatic") : text("useNow"));
      // Of rows that belong to one user the button's own words would not say which one is meant.
      row.use.setAttribute("aria-label", `${row.use.textContent}: ${whole}`);
      // Not `disabled`: that would take the focus from whoever moves an account to the end step by step.
      for (const [button, end, label] of [
        [row.up, 0, "moveUp"],
        [row.down, row.last, "moveDown"],
      ]) {
        button.setAttribute("aria-label", text(label, { name: whole }));
        button.title = text(label, { name: words.role(index) });
        button.setAttribute("aria-disabled", String(index === end));
      }
    }

    _use(id) {
      this._on.use(this._rows.get(id).account.byHand ? "" : id);
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

    /** The rows of stored accounts in the order in which they stand. */
    _stored() {
      return [...this._rows.entries()]
        .filter(([id]) => id !== NEW)
        .map(([, row]) => row)
        .sort((one, other) => one.index - other.index);
    }

    _startDrag(id, y) {
      const rows = this._stored();
      const boxes = rows.map(({ node }) => node.getBoundingClientRect());
      const from = this._rows.get(id).index;
      const gap = boxes.length > 1 ? boxes[1].top - boxes[0].bottom : 0;
      const escape = (event) => event.key === "Escape" && this._endDrag(id, false);
      document.addEventListener("keydown", escape);
      this._drag = { id, from, to: from, y, scroll: globalThis.scrollY, rows, boxes, gap, escape };
      rows[from].node.classList.add("dragged");
      this._list.classList.add("ordering");
    }

    /** Moves the dragged row along with the pointer, and the rows that it has passed out of its way. */
    _dragTo(y) {
      const drag = this._drag;
      const { rows, boxes, from, gap } = drag;
      const wanted = y - drag.y + globalThis.scrollY - drag.scroll;
      // No further than the list goes.
      const highest = boxes[0].top - boxes[from].top;
      const lowest = boxes[boxes.length - 1].bottom - boxes[from].bottom;
      const shift = Math.min(Math.max(wanted, highest), lowest);
      const top = boxes[from].top + shift;
      const bottom = boxes[from].bottom + shift;
      const middle = (box) => (box.top + box.bottom) / 2;
      const above = boxes.filter((box, index) => index < from && top > middle(box)).length;
      const below = boxes.filter((box, index) => index > from && bottom > middle(box)).length;
      drag.to = above + below;
      const room = boxes[from].height + gap;
      rows.forEach(({ node }, index) => {
        let by = 0;
        if (index === from) by = shift;
        else if (index > from && index <= drag.to) by = -room;
        else if (index < from && index >= drag.to) by = room;
        node.style.transform = by ? `translateY(${by}px)` : "";
      });
    }

    _endDrag(id, drop) {
      const drag = this._drag;
      if (drag?.id !== id) return;
      this._drag = null;
      document.removeEventListener("keydown", drag.escape);
      for (const { node } of drag.rows) {
        node.style.transform = "";
        node.classList.remove("dragged");
      }
      this._list.classList.remove("ordering");
      const late = this._late;
      this._late = null;
      if (late) this.render(late);
      if (drop && drag.to !== drag.from && this._rows.has(id)) this._on.move(id, drag.to);
    }
  }

  pages.AccountList = AccountList;
})();
