// The Widget List: packages as collapsible groups, a search, widgets that can be dragged or offered to the Panel, and a layout
// picker for widgets with several layouts.

import * as api from "./api.js";
import { placeAtFirstFree, place, resize, sizeText } from "./actions.js";
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

/** The layout chosen for each widget with several, by the widget's UUID. */
const chosenLayouts = new Map();
let drawn = null;

/** Sets up the list, which follows the store from then on. */
export function startWidgetList() {
  search.placeholder = text("searchWidgets");
  search.setAttribute("aria-label", text("searchWidgets"));
  search.addEventListener("input", () => {
    filter();
    setText(count, searchText() === "" ? "" : text("widgetsFound", { count: shownWidgets().length }));
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
  fold.addEventListener("click", () => setClosedGroups(closedGroups().size > 0 ? [] : packages().map(({ uuid }) => uuid)));
  store.on("packages", draw);
  store.on("deck", filter);
}

// The deck's built-in widgets come last.
const packages = () => [...store.packages, ...(store.own === null ? [] : [store.own])];

/** Returns the packages whose group the user has closed. */
const closedGroups = () => new Set(store.deck.preferences?.closedGroups ?? []);

function setClosedGroups(uuids) {
  // Removed packages are dropped from the list.
  const closed = uuids.filter((uuid) => store.package(uuid) !== null);
  store.setDeck({ ...store.deck, preferences: { ...store.deck.preferences, closedGroups: closed } });
  api.setPreferences({ closedGroups: closed }).catch(showError);
}

function draw() {
  // When a package only starts or stops, the list isn't rebuilt, which would lose the focus or end a drag.
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

/** Returns the search text without case and accents. */
const searchText = () => foldCase(search.value.trim());

const foldCase = (value) => value.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const shownWidgets = () => [...groups.querySelectorAll(".widget")].filter((widget) => widget.checkVisibility());

// During a search, groups show all matches, even if they are closed. A group whose name matches shows all of its widgets.
function filter() {
  const words = searchText().split(/\s+/).filter((word) => word !== "");
  const closed = closedGroups();
  let found = 0;
  for (const node of groups.querySelectorAll(".group")) {
    const packageName = foldCase(node.dataset.name);
    let matches = 0;
    for (const item of node.querySelectorAll("li")) {
      item.hidden = !words.every((word) => packageName.includes(word) || foldCase(item.dataset.searchText).includes(word));
      if (!item.hidden) matches += 1;
    }
    found += matches;
    const isOpen = words.length > 0 || !closed.has(node.dataset.package);
    node.hidden = words.length > 0 && matches === 0;
    node.querySelector("ul").hidden = !isOpen;
    setAttribute(node.querySelector(".group-toggle"), "aria-expanded", isOpen);
  }
  nothingFound.hidden = words.length === 0 || found > 0;
  setText(nothingFound, text("noWidgetFound", { search: search.value.trim() }));
  const label = text(closed.size > 0 ? "openGroups" : "closeGroups");
  if (fold.title !== label) fold.replaceChildren(icon(closed.size > 0 ? "unfold" : "fold"));
  setAttribute(fold, "aria-label", label);
  fold.title = label;
}

// Arrow keys move between widgets; up from the first one leads to the search field.
function onKeyDown(event) {
  if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || !event.target.matches(".widget")) return;
  event.preventDefault();
  const widgets = shownWidgets();
  const at = widgets.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
  (at < 0 ? search : widgets[at])?.focus();
}

const nothingFound = element("p", { className: "muted widgets-not-found", hidden: true });

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
  const list = element("ul", { id: listId }, ...owner.widgets.map(widgetItem));
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
    const closed = closedGroups();
    if (!closed.delete(owner.uuid)) closed.add(owner.uuid);
    setClosedGroups([...closed]);
  });
  const { button, note } = owner === store.own ? { button: null, note: null } : packageControls(owner);
  const heading = element("div", { className: "group-header" }, element("h3", {}, toggle), button);
  return element("section", { className: "group", "data-package": owner.uuid, "data-name": owner.name }, heading, ...(note === null ? [] : [note]), list);
}

function layoutOf(widget) {
  const layout = chosenLayouts.get(widget.uuid) ?? 0;
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

function widgetItem(widget) {
  const size = element("span", { className: "widget-size" }, describe(widget));
  const button = element(
    "button",
    { type: "button", className: "widget", title: widget.tooltip, "data-widget": widget.uuid },
    element("img", { className: "widget-icon", src: widget.icon, width: 75, height: 54, alt: "", draggable: false }),
    element("span", { className: "widget-text" }, element("bdi", { className: "widget-name" }, widget.name), size),
  );
  // Keyboards and screen readers send clicks with a count of 0, which place the widget. One mouse click offers it, two place it.
  // Browsers also send a click after a drag with the mouse, but not after one by touch.
  let wasDragged = false;
  button.addEventListener("pointerdown", () => {
    wasDragged = false;
  });
  button.addEventListener("click", (event) => {
    if (event.detail === 0) placeAtFirstFree(widget, layoutOf(widget));
    else if (wasDragged) wasDragged = false;
    else if (event.detail === 1) offer(widget, layoutOf(widget), button);
  });
  button.addEventListener("dblclick", () => {
    withdraw();
    placeAtFirstFree(widget, layoutOf(widget));
  });
  makeDraggable(button, {
    payload() {
      wasDragged = true;
      withdraw();
      const index = layoutOf(widget);
      const { width, height, icon: layoutIcon } = widget.layouts[index];
      return {
        width,
        height,
        context: null,
        image: layoutIcon ?? widget.icon,
        grabbed: { column: 0, row: 0 },
        drop: (where) => drop(widget, index, where),
      };
    },
  });
  const item = element("li", { "data-search-text": `${widget.name} ${widget.tooltip ?? ""}` }, button);
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

// Places a dragged widget. If it has several layouts and the user has chosen none in the list, a popup offers the others.
async function drop(widget, index, where) {
  const instance = await place(widget, index, where);
  if (instance === null || widget.layouts.length < 2 || chosenLayouts.has(widget.uuid)) return;
  const popup = layoutPopup(widget, `dropped-${instance.context}`, index, (layout) => resize(instance.context, layout));
  popup.addEventListener("toggle", (event) => {
    if (event.newState === "closed") popup.remove();
  });
  document.body.append(popup);
  popup.showPopover();
  const key = document.querySelector(`.key[data-context="${CSS.escape(instance.context)}"]`);
  if (key !== null) positionBeside(popup, key.getBoundingClientRect());
}

function positionBeside(popup, anchor) {
  const left = Math.min(anchor.right + 8, innerWidth - popup.offsetWidth - 8);
  const top = Math.min(anchor.top - 40, innerHeight - popup.offsetHeight - 8);
  popup.style.left = `${Math.max(left, 8)}px`;
  popup.style.top = `${Math.max(top, 8)}px`;
  popup.querySelector("input:checked")?.focus();
}

// The button that opens the popup with a widget's layouts.
function layoutPicker(widget, onChange) {
  const label = text("chooseLayout", { name: widget.name });
  const button = element(
    "button",
    { type: "button", className: "icon-button", title: text("multiSized"), "aria-label": label, "aria-haspopup": "dialog" },
    icon("layouts"),
  );
  const popup = layoutPopup(widget, widget.uuid, layoutOf(widget), (index) => {
    chosenLayouts.set(widget.uuid, index);
    onChange();
  });
  button.addEventListener("click", () => {
    popup.togglePopover({ source: button });
    if (popup.matches(":popover-open")) positionBeside(popup, button.getBoundingClientRect());
  });
  return element("div", { className: "layout-picker" }, button, popup);
}

// A popup with the layouts of a widget; `onChoose(index)` is called when one is chosen.
function layoutPopup(widget, name, current, onChoose) {
  const options = widget.layouts.map((layout, index) => {
    const radio = element("input", { type: "radio", name: `layout-${name}`, checked: index === current });
    radio.addEventListener("change", () => onChoose(index));
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
  // A mouse click closes the popup; with the keyboard, Enter or Escape does.
  popup.addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.closest("label")) setTimeout(() => popup.hidePopover());
  });
  popup.addEventListener("keydown", (event) => {
    if (event.key === "Enter") popup.hidePopover();
  });
  return popup;
}
