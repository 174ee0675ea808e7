// The Panel as a file: the buttons to export and to import it, what is said of the file before, and of what isn't taken from
// it.

import * as api from "./api.js";
import { offerUndo } from "./actions.js";
import { element, icon } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, keepNoticesIn, showError, showNotice } from "./toast.js";

const dialog = document.getElementById("confirm-dialog");
const fileInput = element("input", { type: "file", id: "panel-file", accept: ".json,application/json", hidden: true });

/** Adds the two buttons to the tools of the device. */
export function startTransfer() {
  const exporting = tool("panel-export", "export", text("exportPanel"));
  const importing = tool("panel-import", "import", text("importPanel"));
  fileInput.setAttribute("aria-label", text("importPanel"));
  exporting.addEventListener("click", askExport);
  importing.addEventListener("click", () => fileInput.click());
  fileInput.addEventListener("change", () => {
    const [file] = fileInput.files;
    if (file) importPanel(file);
    fileInput.value = "";
  });
  document.querySelector("#stage-bar .bar-gap").before(exporting, importing, fileInput);
}

/** Whether a file may be an exported Panel, by its name. */
export const isPanelFile = (file) => file.name.toLowerCase().endsWith(".json");

function tool(id, sign, label) {
  return element("button", { type: "button", id, className: "icon-button", title: label, "aria-label": label }, icon(sign));
}

function ask(title, confirm, ...content) {
  if (dialog.open) return Promise.resolve(false);
  const cancel = element("button", { type: "button" }, text("cancel"));
  const ok = element("button", { type: "button", className: "primary", id: "transfer-ok" }, confirm);
  cancel.addEventListener("click", () => dialog.close());
  ok.addEventListener("click", () => dialog.close("ok"));
  dialog.replaceChildren(
    element("h2", { id: "confirm-title" }, title),
    ...content,
    element("div", { className: "dialog-buttons" }, cancel, ok),
  );
  keepNoticesIn(dialog);
  dialog.returnValue = "";
  dialog.showModal();
  ok.focus();
  return new Promise((resolve) => {
    const closed = () => {
      keepNoticesIn(null);
      resolve(dialog.returnValue === "ok");
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}

async function askExport() {
  const explanation = [text("exportExplanation"), text("exportWarning")].map((words) => element("p", {}, words));
  if (!(await ask(text("exportQuestion"), text("exportAction"), ...explanation))) return;
  try {
    const panel = await api.exportPanel();
    const file = new Blob([`${JSON.stringify(panel, null, 2)}\n`], { type: "application/json" });
    const url = URL.createObjectURL(file);
    const name = `creator-deck-panel-${new Date().toISOString().slice(0, 10)}.json`;
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
    showNotice(text("exported", { name }));
  } catch (error) {
    showError(error);
  }
}

/** Says what would be taken from a file, asks how, and takes it. */
export async function importPanel(file) {
  try {
    const report = await api.checkPanel(file);
    const modes = ["add", "replace"].map((mode) => choice(mode));
    const wanted = await ask(
      text("importPanelQuestion", { name: file.name }),
      text("importPanelAction"),
      element("p", {}, text("importPanelSummary", { profiles: report.profiles, keys: report.keys })),
      details(report),
      element("fieldset", { className: "transfer-modes" }, element("legend", {}, text("importPanelMode")), ...modes),
    );
    if (!wanted) return;
    const mode = dialog.querySelector("input[name='transfer-mode']:checked").value;
    const { revision } = store.deck;
    const taken = await api.importPanel(file, mode);
    const words = text("importPanelDone", { profiles: taken.profiles, keys: taken.keys });
    offerUndo(words, revision);
    announce(words);
  } catch (error) {
    showError(error);
  }
}

function choice(mode) {
  const radio = element("input", { type: "radio", name: "transfer-mode", value: mode, checked: mode === "add" });
  return element("label", { className: "check" }, radio, text(`importPanelModes.${mode}`));
}

// What is kept for later and what isn't taken, each with the reason; null if that is nothing.
function details({ waiting, left }) {
  if (waiting.length + left.length === 0) return "";
  const lists = [];
  if (waiting.length > 0) {
    const items = waiting.map(({ package: uuid, name, installed, keys }) =>
      element("li", {}, text(installed ? "importPanelOlder" : "importPanelWaits", { name, keys }), element("code", {}, uuid)),
    );
    lists.push(element("h3", {}, text("importPanelWaiting")), element("ul", {}, ...items));
  }
  if (left.length > 0) {
    const items = left.map(({ profile, widget, why }) =>
      element("li", {}, element("code", {}, [profile, widget].filter(Boolean).join(": ")), ` ${why}`),
    );
    lists.push(element("h3", {}, text("importPanelLeft", { count: left.length })), element("ul", {}, ...items));
  }
  // It scrolls, so it can be reached by the keyboard.
  return element("div", { className: "transfer-report", role: "region", tabIndex: 0, "aria-label": text("importPanelReport") }, ...lists);
}
