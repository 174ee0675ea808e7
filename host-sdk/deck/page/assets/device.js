// What belongs to the device as a whole: above the Panel the tabs of the hotkey profiles and the tools (profiles, undo and redo,
// sleep), below it the pages, and the notice about what is kept on disk.

import * as api from "./api.js";
import { offerUndo, showPage, step, turnPage } from "./actions.js";
import { element, icon, setAttribute } from "./dom.js";
import { isEditing } from "./mode.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, keepNoticesIn, showError } from "./toast.js";

/** As the server has it. */
const LONGEST_NAME = 60;

const bar = document.getElementById("stage-bar");
const strip = document.getElementById("profile-strip");
const pageStrip = document.getElementById("page-strip");
const device = document.getElementById("device");
const wakeUp = document.getElementById("wake-up");
const notice = document.getElementById("notice");
const dialog = document.getElementById("profile-dialog");
const tools = {};
let drawn = null;

/** Brings all of it to life; it draws itself from the store from here on. */
export function startDevice() {
  bar.append(
    tool("profile-new", "add", text("newProfile"), () => ask(text("newProfile"), nextName(), (given) => create(given, null))),
    tool("profile-rename", "rename", text("renameProfile"), () =>
      ask(text("renameProfile"), active().name, (given) => api.renameProfile(store.deck.active, given)),
    ),
    tool("profile-copy", "copy", text("copyProfile"), () =>
      ask(text("copyProfile"), text("copyOf", { name: active().name }), (given) => create(given, store.deck.active)),
    ),
    tool("profile-delete", "trash", text("deleteProfile"), deleteActive),
    element("span", { className: "bar-gap" }),
    tool("undo-button", "undo", text("undo"), () => step("undo")),
    tool("redo-button", "redo", text("redo"), () => step("redo")),
    tool("sleep-button", "sleep", text("sleepDevice"), () => setAsleep(!store.deck.asleep)),
  );
  wakeUp.addEventListener("click", () => setAsleep(false));
  store.on("deck", draw);
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    const key = event.key.toLowerCase();
    if (!isEditing() || (key !== "z" && (key !== "y" || event.shiftKey))) return;
    event.preventDefault();
    step(key === "y" || event.shiftKey ? "redo" : "undo");
  });
}

function tool(id, sign, label, act) {
  const button = element("button", { type: "button", id, className: "icon-button", title: label, "aria-label": label }, icon(sign));
  button.addEventListener("click", act);
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
  // Not `disabled`, here and below: the focus would be lost with what was done last. The server says why it can't be.
  setAttribute(tools["profile-delete"], "aria-disabled", profiles.length < 2 ? "true" : null);
  for (const [id, word, next] of [["undo-button", "undo", undo], ["redo-button", "redo", redo]]) {
    const label = next === null ? text(word) : text("stepOf", { word: text(word), step: text(`step.${next}`) });
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

// The focus goes along: what had it can't be used any more.
function drawWakeUp(asleep) {
  if (wakeUp.hidden !== asleep) return;
  const focused = document.activeElement;
  const goesAlong = focused === document.body || focused === tools["sleep-button"] || device.contains(focused);
  wakeUp.hidden = !asleep;
  if (goesAlong) (asleep ? wakeUp : tools["sleep-button"]).focus();
}

function drawStrip() {
  const content = JSON.stringify([store.deck.profiles, store.deck.active]);
  if (content === drawn) return;
  drawn = content;
  const focused = document.activeElement?.closest("#profile-strip button")?.dataset.profile;
  strip.replaceChildren(
    ...store.deck.profiles.map(({ id, name }) => {
      const shown = id === store.deck.active;
      const button = element("button", { type: "button", "data-profile": id, title: name }, name);
      setAttribute(button, "aria-current", shown ? "true" : null);
      // Keys can be dropped on the tabs of the others.
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

// As the device has them: a light for each page, and an arrow on either side.
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

function arrow(sign, label, step) {
  const words = text(label);
  const button = element("button", { type: "button", className: "page-arrow", title: words, "aria-label": words }, icon(sign));
  button.addEventListener("click", () => turnPage(step));
  return button;
}

function drawNotice() {
  const words = store.deck.notice;
  notice.hidden = words === null;
  if (words === null || notice.dataset.words === words) return;
  notice.dataset.words = words;
  const close = element("button", { type: "button", className: "small" }, text("dismiss"));
  close.addEventListener("click", () => {
    notice.hidden = true;
    api.dismissNotice().catch(showError);
  });
  notice.replaceChildren(element("span", {}, words), close);
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

// Asks for a profile's name and does `act` with it; what is refused is said and asked again.
function ask(title, suggestion, act) {
  const field = element("input", { type: "text", id: "profile-field", maxLength: LONGEST_NAME, required: true, value: suggestion, autocomplete: "off" });
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
      await act(field.value);
      dialog.close();
    } catch (error) {
      showError(error);
    }
  });
  dialog.replaceChildren(element("h2", { id: "profile-dialog-title" }, title), form);
  dialog.addEventListener("close", () => keepNoticesIn(null), { once: true });
  keepNoticesIn(dialog);
  dialog.showModal();
  field.select();
}
