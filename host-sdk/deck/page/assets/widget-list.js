// The Widget List: packages as groups that open and close, a search in them, their widgets to be dragged to the Panel or offered
// to it, and the choice of a layout for those that have several.

import * as api from "./api.js";
import { placeAnywhere, place, resize, sizeText } from "./actions.js";
import { offer, withdraw } from "./offer.js";
import { packageControls } from "./package-controls.js";
import { chooseFile } from "./packages.js";
import { element, icon, nameNode, setAttribute, setText } from "./dom.js";
import { makeDraggable } from "./drag.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

const groups = document.getElementById("widget-groups");
const hint = document.getElementById("widget-hint");

const search = document.getElementById("widget-search");
const fold = document.getElementById("fold-button");
const count = document.getElementById("widget-count");

/** The chosen layout of each widget that has several, by its UUID. */
const chosen = new Map();
let drawn = null;

/** Brings the list to life; it draws itself from the store from here on. */
export function startWidgetList() {
  search.placeholder = text("searchWidgets");
  search.setAttribute("aria-label", text("searchWidgets"));
  search.addEventListener("input", () => {
    filter();
    setText(count, searched() === "" ? "" : text("widgetsFound", { count: shownWidgets().length }));
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "Enter") {
      event.preventDefault();
      shownWidgets()[0]?.focus();
    } else if (event.key === "Escape" && search.value !== "") {
      event.stopPropagation();
      search.value = "";
      filter();
    }
  });
  groups.addEventListener("keydown", onKeyDown);
  fold.addEventListener("click", () => close(closed().size > 0 ? [] : packages().map(({ uuid }) => uuid)));
  store.on("packages", draw);
  store.on("deck", filter);
}

// What the deck itself offers comes last.
const packages = () => [...store.packages, ...(store.own === null ? [] : [store.own])];

/** Packages whose group the user has closed. */
const closed = () => new Set(store.deck.preferences?.closedGroups ?? []);

function close(uuids) {
  // What is no more is forgotten with that.
  const closedGroups = uuids.filter((uuid) => store.package(uuid) !== null);
  store.setDeck({ ...store.deck, preferences: { ...store.deck.preferences, closedGroups } });
  api.prefer({ closedGroups }).catch(showError);
}

function draw() {
  // A package that merely starts or stops must not take the focus, or a drag, out of the list.
  const content = JSON.stringify(packages(), (key, value) => (key === "status" || key === "message" ? undefined : value));
  if (content !== drawn) {
    drawn = content;
    const nodes = packages().map(group);
    groups.replaceChildren(...(store.packages.length > 0 ? nodes : [emptyList(), ...nodes]), nothingFound);
    hint.hidden = nodes.length === 0;
    filter();
  }
  for (const { uuid, status } of store.packages) {
    const node = groups.querySelector(`[data-package="${CSS.escape(uuid)}"]`);
    if (node !== null) node.dataset.status = status;
  }
}

/** What is looked for, without regard to case and accents. */
const searched = () => plain(search.value.trim());

const plain = (words) => words.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const shownWidgets = () => [...groups.querySelectorAll(".widget")].filter((widget) => widget.checkVisibility());

// While something is looked for, a group shows what fits, closed or not. A group whose own name fits shows all that is in it.
function filter() {
  const words = searched().split(/\s+/).filter((word) => word !== "");
  const folded = closed();
  let found = 0;
  for (const node of groups.querySelectorAll(".group")) {
    const owner = plain(node.dataset.name);
    let fits = 0;
    for (const item of node.querySelectorAll("li")) {
      item.hidden = !words.every((word) => owner.includes(word) || plain(item.dataset.words).includes(word));
      if (!item.hidden) fits += 1;
    }
    found += fits;
    const isOpen = words.length > 0 || !folded.has(node.dataset.package);
    node.hidden = words.length > 0 && fits === 0;
    node.querySelector("ul").hidden = !isOpen;
    setAttribute(node.querySelector(".group-toggle"), "aria-expanded", isOpen);
  }
  nothingFound.hidden = words.length === 0 || found > 0;
  setText(nothingFound, text("noWidgetFound", { words: search.value.trim() }));
  const label = text(folded.size > 0 ? "openGroups" : "closeGroups");
  if (fold.title !== label) fold.replaceChildren(icon(folded.size > 0 ? "unfold" : "fold"));
  setAttribute(fold, "aria-label", label);
  fold.title = label;
}

// Up and down go from widget to widget; beyond the first one lies the search.
function onKeyDown(event) {
  if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || !event.target.matches(".widget")) return;
  event.preventDefault();
  const widgets = shownWidgets();
  const at = widgets.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
  (at < 0 ? search : widgets[at])?.focus();
}

const nothingFound = element("p", { className: "muted widget-none", hidden: true });

function emptyList() {
  return element(
    "div",
    { className: "empty" },
    element("p", { className: "empty-title" }, text("noPackages")),
    element("p", {}, text("noPackagesHint")),
    element("button", { type: "button", className: "primary", on: { click: chooseFile } }, text("chooseFile")),
  );
}

function group(owner, index) {
  const listId = `widgets-of-${index}`;
  const list = element("ul", { id: listId }, ...owner.widgets.map(entry));
  const toggle = element(
    "button",
    {
      type: "button",
      className: "group-toggle",
      title: owner.description,
      "aria-controls": listId,
    },
    nameNode(owner.name),
  );
  toggle.addEventListener("click", () => {
    const folded = closed();
    if (!folded.delete(owner.uuid)) folded.add(owner.uuid);
    close([...folded]);
  });
  const { button, note } = owner === store.own ? { button: null, note: null } : packageControls(owner);
  const heading = element("div", { className: "group-header" }, element("h3", {}, toggle), button);
  return element("section", { className: "group", "data-package": owner.uuid, "data-name": owner.name }, heading, ...(note === null ? [] : [note]), list);
}

function layoutOf(widget) {
  const layout = chosen.get(widget.uuid) ?? 0;
  return layout < widget.layouts.length ? layout : 0;
}

function layoutTitle(widget, index) {
  return widget.layouts[index].title || text("layoutNumber", { number: index + 1 });
}

function describe(widget) {
  const index = layoutOf(widget);
  const size = sizeText(widget.layouts[index]);
  return widget.layouts.length > 1 ? text("layoutAndSize", { title: layoutTitle(widget, index), size }) : size;
}

function entry(widget) {
  const size = element("span", { className: "widget-size" }, describe(widget));
  const button = element(
    "button",
    { type: "button", className: "widget", title: widget.tooltip, "data-widget": widget.uuid },
    element("img", { className: "widget-icon", src: widget.icon, width: 75, height: 54, alt: "", draggable: false }),
    element("span", { className: "widget-text" }, element("bdi", { className: "widget-name" }, widget.name), size),
  );
  // A click of the keyboard or of a screen reader has no count. One of the mouse offers the widget, two place it.
  // What the mouse has dragged is clicked, too, for the browser; what a finger has dragged isn't.
  let wasDragged = false;
  button.addEventListener("pointerdown", () => {
    wasDragged = false;
  });
  button.addEventListener("click", (event) => {
    if (event.detail === 0) placeAnywhere(widget, layoutOf(widget));
    else if (wasDragged) wasDragged = false;
    else if (event.detail === 1) offer(widget, layoutOf(widget), button);
  });
  button.addEventListener("dblclick", () => {
    withdraw();
    placeAnywhere(widget, layoutOf(widget));
  });
  makeDraggable(button, {
    cargo() {
      wasDragged = true;
      withdraw();
      const index = layoutOf(widget);
      const { width, height, icon: picture } = widget.layouts[index];
      return {
        width,
        height,
        context: null,
        image: picture ?? widget.icon,
        grabbed: { column: 0, row: 0 },
        drop: (where) => drop(widget, index, where),
      };
    },
  });
  const item = element("li", { "data-words": `${widget.name} ${widget.tooltip ?? ""}` }, button);
  if (widget.layouts.length > 1) {
    item.append(
      layoutPicker(widget, () => {
        size.textContent = describe(widget);
        withdraw();
      }),
    );
  }
  return item;
}

// What has several layouts is put down in the first, and asks at once whether it shall be another; unless the user has
// chosen one in the list.
async function drop(widget, index, where) {
  const instance = await place(widget, index, where);
  if (instance === null || widget.layouts.length < 2 || chosen.has(widget.uuid)) return;
  const popup = layoutPopup(widget, `dropped-${instance.context}`, index, (layout) => resize(instance.context, layout));
  popup.addEventListener("toggle", (event) => {
    if (event.newState === "closed") popup.remove();
  });
  document.body.append(popup);
  popup.showPopover();
  const key = document.querySelector(`.key[data-context="${CSS.escape(instance.context)}"]`);
  if (key !== null) putBeside(popup, key.getBoundingClientRect());
}

function putBeside(popup, anchor) {
  const left = Math.min(anchor.right + 8, innerWidth - popup.offsetWidth - 8);
  const top = Math.min(anchor.top - 40, innerHeight - popup.offsetHeight - 8);
  popup.style.left = `${Math.max(left, 8)}px`;
  popup.style.top = `${Math.max(top, 8)}px`;
  popup.querySelector("input:checked")?.focus();
}

// The button with the four squares, and the popup that it opens.
function layoutPicker(widget, onChange) {
  const label = text("chooseLayout", { name: widget.name });
  const button = element(
    "button",
    { type: "button", className: "icon-button", title: text("multiSized"), "aria-label": label, "aria-haspopup": "dialog" },
    icon("layouts"),
  );
  const popup = layoutPopup(widget, widget.uuid, layoutOf(widget), (index) => {
    chosen.set(widget.uuid, index);
    onChange();
  });
  button.addEventListener("click", () => {
    popup.togglePopover({ source: button });
    if (popup.matches(":popover-open")) putBeside(popup, button.getBoundingClientRect());
  });
  return element("div", { className: "layout-picker" }, button, popup);
}

// The layouts of a widget to choose from; `choose(index)` hears of the choice.
function layoutPopup(widget, name, current, choose) {
  const options = widget.layouts.map((layout, index) => {
    const radio = element("input", { type: "radio", name: `layout-${name}`, checked: index === current });
    radio.addEventListener("change", () => choose(index));
    return element(
      "label",
      { className: "layout" },
      radio,
      element("span", { className: "layout-picture" }, element("img", { src: layout.icon ?? widget.icon, alt: "" })),
      element(
        "span",
        { className: "layout-text" },
        nameNode(layoutTitle(widget, index)),
        element("span", { className: "widget-size" }, sizeText(layout)),
      ),
    );
  });
  const popup = element(
    "div",
    { className: "layout-popup", popover: "auto", role: "dialog", "aria-label": text("layoutsOf", { name: widget.name }) },
    ...options,
  );
  // The mouse has chosen when it has clicked; the keyboard goes through the choices and closes with Enter or Escape.
  popup.addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.closest("label")) setTimeout(() => popup.hidePopover());
  });
  popup.addEventListener("keydown", (event) => {
    if (event.key === "Enter") popup.hidePopover();
  });
  return popup;
}
