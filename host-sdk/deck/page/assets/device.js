// Controls of the whole device: the tabs of the hotkey profiles and the toolbar (profiles, undo and redo, sleep) above the Panel,
// the page lights below it, and the notice about saved data.

import * as api from "./api.js";
import { offerUndo, showPage, stepHistory, turnPage } from "./actions.js";
import { element, icon, setAttribute } from "./dom.js";
import { isEditing } from "./mode.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, moveNoticesInto, showError } from "./toast.js";

/** The longest profile name, as on the server. */
const MAX_NAME_LENGTH = 60;

const bar = document.getElementById("stage-bar");
const strip = document.getElementById("profile-strip");
const pageStrip = document.getElementById("page-strip");
const device = document.getElementById("device");
const wakeUp = document.getElementById("wake-up");
const notice = document.getElementById("notice");
const dialog = document.getElementById("profile-dialog");
const tools = {};
let drawnProfiles = null;

/** Sets up the controls, which follow the store from then on. */
export function startDevice() {
  bar.append(
    tool("profile-new", "add", text("newProfile"), () => askName(text("newProfile"), nextName(), (name) => create(name, null))),
    tool("profile-rename", "rename", text("renameProfile"), () =>
      askName(text("renameProfile"), active().name, (name) => api.renameProfile(store.deck.active, name)),
    ),
    tool("profile-copy", "copy", text("copyProfile"), () =>
      askName(text("copyProfile"), text("copyOf", { name: active().name }), (name) => create(name, store.deck.active)),
    ),
    tool("profile-delete", "trash", text("deleteProfile"), deleteActive),
    element("span", { className: "bar-spacer" }),
    tool("undo-button", "undo", text("undo"), () => stepHistory("undo")),
    tool("redo-button", "redo", text("redo"), () => stepHistory("redo")),
    tool("sleep-button", "sleep", text("sleepDevice"), () => setAsleep(!store.deck.asleep)),
  );
  wakeUp.addEventListener("click", () => setAsleep(false));
  store.on("deck", draw);
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    const key = event.key.toLowerCase();
    if (!isEditing() || (key !== "z" && (key !== "y" || event.shiftKey))) return;
    event.preventDefault();
    stepHistory(key === "y" || event.shiftKey ? "redo" : "undo");
  });
}

function tool(id, iconName, label, onClick) {
  const button = element("button", { type: "button", id, className: "icon-button", title: label, "aria-label": label }, icon(iconName));
  button.addEventListener("click", onClick);
  tools[id] = button;
  return button;
}

const active = () => store.deck.profiles.find(({ id }) => id === store.deck.active) ?? { id: "", name: "" };

function nextName() {
  const names = new Set(store.deck.profiles.map(({ name }) => name));
  for (let number = 1; ; number += 1) {
    const name = text("profileNumber", { number });
    if (!names.has(name)) return name;
  }
}

function draw() {
  const { profiles, asleep, undo, redo } = store.deck;
  // `aria-disabled` instead of `disabled`, here and below, so that a button keeps the focus after its last possible use. The
  // server's error explains why it can't be used.
  setAttribute(tools["profile-delete"], "aria-disabled", profiles.length < 2 ? "true" : null);
  for (const [id, direction, next] of [["undo-button", "undo", undo], ["redo-button", "redo", redo]]) {
    const label = next === null ? text(direction) : text("stepOf", { action: text(direction), step: text(`step.${next}`) });
    setAttribute(tools[id], "aria-disabled", next === null ? "true" : null);
    setAttribute(tools[id], "aria-label", label);
    tools[id].title = label;
  }
  setAttribute(tools["sleep-button"], "aria-pressed", asleep);
  device.toggleAttribute("data-asleep", asleep);
  drawWakeUp(asleep);
  for (const area of device.querySelectorAll(".panel")) area.inert = asleep;
  drawStrip();
  drawPages();
  drawNotice();
}

// Moves the focus between the two buttons, because the one that had it can't be used any more.
function drawWakeUp(asleep) {
  if (wakeUp.hidden !== asleep) return;
  const focused = document.activeElement;
  const movesFocus = focused === document.body || focused === tools["sleep-button"] || device.contains(focused);
  wakeUp.hidden = !asleep;
  if (movesFocus) (asleep ? wakeUp : tools["sleep-button"]).focus();
}

function drawStrip() {
  const content = JSON.stringify([store.deck.profiles, store.deck.active]);
  if (content === drawnProfiles) return;
  drawnProfiles = content;
  const focused = document.activeElement?.closest("#profile-strip button")?.dataset.profile;
  strip.replaceChildren(
    ...store.deck.profiles.map(({ id, name }) => {
      const shown = id === store.deck.active;
      const button = element("button", { type: "button", "data-profile": id, title: name }, name);
      setAttribute(button, "aria-current", shown ? "true" : null);
      // Keys can be dropped on the tabs of the other profiles.
      if (!shown) button.dataset.zone = "";
      button.addEventListener("click", async () => {
        try {
          await api.activateProfile(id);
          announce(text("profileShown", { name }));
        } catch (error) {
          showError(error);
        }
      });
      return button;
    }),
  );
  if (focused !== undefined) strip.querySelector(`[data-profile="${CSS.escape(focused)}"]`)?.focus();
  strip.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Draws the pages as the real device does: a light for each page, between two arrows.
function drawPages() {
  const { page, pages } = store.deck;
  const count = pages.length;
  if (pageStrip.children.length !== count + 2) {
    const lights = pages.map((_, index) => {
      const light = element("button", { type: "button", className: "page-light", "data-page": index });
      light.addEventListener("click", () => showPage(index));
      return light;
    });
    pageStrip.replaceChildren(arrow("back", "previousPage", -1), ...lights, arrow("forward", "nextPage", 1));
  }
  for (const light of pageStrip.querySelectorAll("[data-page]")) {
    const index = Number(light.dataset.page);
    const label = text("pageLabel", { number: index + 1, count, keys: pages[index] });
    setAttribute(light, "aria-label", label);
    setAttribute(light, "title", label);
    setAttribute(light, "aria-current", index === page ? "true" : null);
    setAttribute(light, "data-zone", index === page ? null : "");
    light.toggleAttribute("data-filled", pages[index] > 0);
  }
  setAttribute(pageStrip.firstChild, "aria-disabled", page === 0 ? "true" : null);
  setAttribute(pageStrip.lastChild, "aria-disabled", page === count - 1 ? "true" : null);
}

function arrow(iconName, labelKey, offset) {
  const label = text(labelKey);
  const button = element("button", { type: "button", className: "page-arrow", title: label, "aria-label": label }, icon(iconName));
  button.addEventListener("click", () => turnPage(offset));
  return button;
}

function drawNotice() {
  const message = store.deck.notice;
  notice.hidden = message === null;
  if (message === null || notice.dataset.message === message) return;
  notice.dataset.message = message;
  const close = element("button", { type: "button", className: "small" }, text("dismiss"));
  close.addEventListener("click", () => {
    notice.hidden = true;
    api.dismissNotice().catch(showError);
  });
  notice.replaceChildren(element("span", {}, message), close);
}

async function create(name, copyOf) {
  const profile = await api.createProfile(name, copyOf);
  announce(text("profileShown", { name: profile.name }));
}

async function deleteActive() {
  const { id, name } = active();
  const { revision } = store.deck;
  try {
    await api.deleteProfile(id);
    offerUndo(text("profileDeleted", { name }), revision);
    announce(text("profileDeleted", { name }));
  } catch (error) {
    showError(error);
  }
}

async function setAsleep(asleep) {
  try {
    await api.setAsleep(asleep);
    announce(text(asleep ? "asleep" : "awake"));
  } catch (error) {
    showError(error);
  }
}

// Asks for a profile's name and passes it to `submit`. If that fails, the error is shown and the dialog stays open.
function askName(title, suggestion, submit) {
  const field = element("input", { type: "text", id: "profile-field", maxLength: MAX_NAME_LENGTH, required: true, value: suggestion, autocomplete: "off" });
  const cancel = element("button", { type: "button" }, text("cancel"));
  const form = element(
    "form",
    { method: "dialog" },
    element("label", { htmlFor: "profile-field", className: "muted" }, text("profileName")),
    field,
    element("div", { className: "dialog-buttons" }, cancel, element("button", { type: "submit", className: "primary" }, text("ok"))),
  );
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await submit(field.value);
      dialog.close();
    } catch (error) {
      showError(error);
    }
  });
  dialog.replaceChildren(element("h2", { id: "profile-dialog-title" }, title), form);
  dialog.addEventListener("close", () => moveNoticesInto(null), { once: true });
  moveNoticesInto(dialog);
  dialog.showModal();
  field.select();
}
