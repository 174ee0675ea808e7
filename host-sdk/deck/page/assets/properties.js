// The properties of the selected key, below the Panel in Edit: its preview and title, and tabs with the package's property view,
// the key's look, and test messages for package authors.

import * as api from "./api.js";
import { missingExplanation, nameOf, remove, sizeText } from "./actions.js";
import { element, icon, setAttribute, setText } from "./dom.js";
import { Face } from "./face.js";
import { Look } from "./look.js";
import { showKeyMenu } from "./key-menu.js";
import { isEditing } from "./mode.js";
import { chooseFile } from "./packages.js";
import { focusPlace } from "./panel.js";
import { isMultiAction, StepList } from "./steps.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { Tabs } from "./tabs.js";
import { TestTab } from "./test-tab.js";
import { showError } from "./toast.js";
import { ViewFrame } from "./view-frame.js";

/** How long after the last keystroke the title is sent. */
const TYPING_DELAY_MS = 300;

const area = document.getElementById("properties");
let shown = null;
/** The tab that the user chose last, which is also shown for the next key. */
let currentTab = "settings";

/** Sets up the properties, which follow the store from then on. */
export function startProperties() {
  store.on("selected", draw);
  store.on("opened", () => shown?.open("settings"));
  store.on("mode", draw);
  store.on("instance", (instance) => {
    if (instance.context === store.selected || instance.parent === store.selected) draw();
  });
  store.on("deck", draw);
  store.on("packages", draw);
  area.addEventListener("keydown", (event) => {
    const instance = store.instances.get(store.selected);
    if (event.key !== "Escape" || instance === undefined || event.defaultPrevented) return;
    event.preventDefault();
    focusPlace(instance);
  });
  draw();
}

function draw() {
  // In Use the area is hidden, and no property view stays open that a package would have to serve.
  const instance = (isEditing() && store.instances.get(store.selected)) || null;
  const widget = instance && store.widgetOf(instance);
  // A reloaded package has a new property view.
  const subject = instance && `${instance.context} ${store.package(instance.package)?.loads} ${instance.missing?.why}`;
  if (shown === null || shown.subject !== subject) {
    shown?.close();
    if (instance === null) shown = new NoSelection();
    else shown = instance.missing === null ? new Properties(instance, widget, subject) : new Placeholder(instance, subject);
    area.replaceChildren(...shown.nodes);
  }
  if (instance !== null) shown.update(instance, widget);
}

/** Shown while no key is selected. */
class NoSelection {
  subject = null;
  nodes = [
    element(
      "div",
      { className: "empty" },
      element("p", { className: "empty-title" }, text("nothingSelected")),
      element("p", {}, text("nothingSelectedHint")),
    ),
  ];

  open() {}

  close() {}
}

/** Shown for a key whose widget is missing. */
class Placeholder {
  #face = new Face();
  #heading = element("h2", {});
  #explanation = element("p", {});
  #import = element("button", { type: "button", id: "import-package", className: "primary" }, text("importThePackage"));

  constructor(instance, subject) {
    this.subject = subject;
    this.#import.addEventListener("click", chooseFile);
    this.#face.node.classList.add("preview");
    const side = element(
      "div",
      { className: "properties-side" },
      element("div", { className: "preview-holder" }, this.#face.node),
    );
    const content = element(
      "div",
      { className: "empty" },
      element("p", { className: "empty-title" }, text(`missing.${instance.missing.why}`)),
      this.#explanation,
      instance.missing.why === "space" ? null : this.#import,
    );
    this.nodes = [
      element("header", { className: "properties-header" }, this.#heading, instance.parent === null ? keyTools(instance.context) : backButton(instance.parent)),
      element("div", { className: "properties-body placeholder-body" }, side, content),
    ];
  }

  open() {
    this.#import.focus();
  }

  update(instance) {
    this.#face.update(instance, null);
    fitPreview(this.#face, instance);
    setText(this.#explanation, missingExplanation(instance));
    setText(this.#heading, headingOf(instance));
    setAttribute(this.#heading, "title", headingOf(instance));
  }

  close() {}
}

/** The properties of one instance. */
class Properties {
  #face = new Face();
  #heading = element("h2", {});
  #size = element("p", { className: "widget-size" });
  #title = null;
  #titleTimer = null;
  #look = null;
  #tabs;

  constructor(instance, widget, subject) {
    this.subject = subject;
    this.context = instance.context;
    this.#face.node.classList.add("preview");
    const side = element(
      "div",
      { className: "properties-side" },
      element("div", { className: "preview-holder" }, this.#face.node),
      this.#size,
      widget?.titleEditable ? this.#titleField() : null,
    );

    const holder = element("div", { className: "frame-holder" });
    this.frame = new ViewFrame(holder, "property-frame");
    if (isMultiAction(instance)) {
      this.steps = new StepList(this.context);
      holder.append(this.steps.node);
    } else if (widget?.propertyView) {
      this.frame.open({ context: this.context }, text("propertyView", { name: nameOf(instance) }));
    } else {
      holder.append(element("p", { className: "muted" }, text("noProperties")));
    }
    this.#look = widget && new Look(instance, widget);
    this.testTab = new TestTab(this.context);
    const panels = [
      ["settings", text("tabSettings"), holder],
      this.#look?.node ? ["look", text("look"), this.#look.node] : null,
      ["test", text("tabTest"), this.testTab.node],
    ];
    this.#tabs = new Tabs("property", text("properties"), panels.filter((panel) => panel !== null), (name) => {
      currentTab = name;
      if (name === "test") this.testTab.refresh();
    });
    this.#tabs.choose(currentTab);
    this.nodes = [
      element(
        "header",
        { className: "properties-header" },
        this.#heading,
        this.#tabs.list,
        instance.parent === null ? keyTools(this.context) : backButton(instance.parent),
      ),
      element("div", { className: "properties-body" }, side, ...this.#tabs.panels),
    ];
  }

  #titleField() {
    // A title may have several lines.
    this.#title = element("textarea", { id: "title-field", rows: 1, maxLength: 200, autocomplete: "off", spellcheck: false });
    this.#title.addEventListener("input", () => {
      clearTimeout(this.#titleTimer);
      this.#titleTimer = setTimeout(() => this.#sendTitle(), TYPING_DELAY_MS);
    });
    this.#title.addEventListener("change", () => this.#sendTitle());
    return element(
      "div",
      { className: "field" },
      element("label", { htmlFor: "title-field" }, text("title")),
      this.#title,
    );
  }

  #sendTitle() {
    clearTimeout(this.#titleTimer);
    this.#titleTimer = null;
    const title = this.#title.value;
    if (title === (store.instances.get(this.context)?.title ?? "")) return;
    api.setTitle(this.context, title).catch(showError);
  }

  /** Shows a tab and focuses it. */
  open(name) {
    this.#tabs.choose(name);
    this.#tabs.focus();
  }

  update(instance, widget) {
    this.#face.update(instance, widget);
    fitPreview(this.#face, instance);
    this.#look?.update(instance);
    this.steps?.update(instance);
    const heading = headingOf(instance);
    setText(this.#heading, heading);
    setAttribute(this.#heading, "title", heading);
    setText(this.#size, sizeText(instance));
    // A title from the package doesn't overwrite what the user is typing.
    const isTyping = this.#titleTimer !== null || document.activeElement === this.#title;
    if (this.#title !== null && !isTyping) this.#title.value = instance.title ?? "";
  }

  close() {
    if (this.#titleTimer !== null && store.instances.has(this.context)) this.#sendTitle();
    clearTimeout(this.#titleTimer);
    this.frame.close();
  }
}

function headingOf(instance) {
  const owner = instance.missing?.package ?? store.package(instance.package)?.name ?? instance.package;
  return text("packageAndWidget", { package: owner, widget: nameOf(instance) });
}

function fitPreview(face, { width, height }) {
  face.node.style.setProperty("--span-columns", width);
  face.node.style.setProperty("--span-rows", height);
}

// The buttons that open a key's menu and remove it from the Panel.
function keyTools(context) {
  const label = text("deleteKey");
  const trash = element(
    "button",
    { type: "button", id: "delete-button", className: "icon-button", title: label, "aria-label": label },
    icon("trash"),
  );
  trash.addEventListener("click", async () => {
    const instance = store.instances.get(context);
    await remove(context);
    // The focused button disappears together with the key.
    if (instance && !store.instances.has(context)) focusPlace(instance);
  });
  const more = element(
    "button",
    { type: "button", id: "key-menu-button", className: "icon-button", title: text("moreActions"), "aria-label": text("moreActions"), "aria-haspopup": "menu" },
    icon("more"),
  );
  more.addEventListener("click", () => {
    const instance = store.instances.get(context);
    if (instance) showKeyMenu(instance, more, more);
  });
  return element("span", { className: "properties-tools" }, more, trash);
}

// The button that leads from a step of a multi-action key back to the list of steps.
function backButton(parent) {
  const button = element("button", { type: "button", id: "back-to-list", className: "properties-tools" }, text("backToList"));
  button.addEventListener("click", () => store.open(parent));
  return button;
}
