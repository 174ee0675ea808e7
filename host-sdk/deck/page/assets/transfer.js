// Exports the Panel to a file and imports it: the two buttons, and the dialogs that explain what a file contains and what won't
// be imported.

import * as api from "./api.js";
import { offerUndo } from "./actions.js";
import { element, icon } from "./dom.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, moveNoticesInto, showError, showNotice } from "./toast.js";

const dialog = document.getElementById("confirm-dialog");
const fileInput = element("input", { type: "file", id: "panel-file", accept: ".json,application/json", hidden: true });

/** Adds the two buttons to the device's toolbar. */
export function startTransfer() {
  const exportButton = tool("panel-export", "export", text("exportPanel"));
  const importButton = tool("panel-import", "import", text("importPanel"));
  fileInput.setAttribute("aria-label", text("importPanel"));
  exportButton.addEventListener("click", askExport);
  importButton.addEventListener("click", () => fileInput.click());
  fileInput.addEventListener("change", () => {
    const [file] = fileInput.files;
    if (file) importPanel(file);
    fileInput.value = "";
  });
  document.querySelector("#stage-bar .bar-spacer").before(exportButton, importButton, fileInput);
}

/** Returns whether a file may be an exported Panel, judging by its name. */
export const isPanelFile = (file) => file.name.toLowerCase().endsWith(".json");

function tool(id, iconName, label) {
  return element("button", { type: "button", id, className: "icon-button", title: label, "aria-label": label }, icon(iconName));
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
  moveNoticesInto(dialog);
  dialog.returnValue = "";
  dialog.showModal();
  ok.focus();
  return new Promise((resolve) => {
    const onClose = () => {
      moveNoticesInto(null);
      resolve(dialog.returnValue === "ok");
    };
    dialog.addEventListener("close", onClose, { once: true });
  });
}

async function askExport() {
  const explanation = [text("exportExplanation"), text("exportWarning")].map((paragraph) => element("p", {}, paragraph));
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

/** Shows what a file contains, asks how to import it, and imports it. */
export async function importPanel(file) {
  try {
    const report = await api.checkPanel(file);
    const modes = ["add", "replace"].map((mode) => choice(mode));
    const isConfirmed = await ask(
      text("importPanelQuestion", { name: file.name }),
      text("importPanelAction"),
      element("p", {}, text("importPanelSummary", { profiles: report.profiles, keys: report.keys })),
      details(report),
      element("fieldset", { className: "transfer-modes" }, element("legend", {}, text("importPanelMode")), ...modes),
    );
    if (!isConfirmed) return;
    const mode = dialog.querySelector("input[name='transfer-mode']:checked").value;
    const { revision } = store.deck;
    const { profiles, keys } = await api.importPanel(file, mode);
    const message = text("importPanelDone", { profiles, keys });
    offerUndo(message, revision);
    announce(message);
  } catch (error) {
    showError(error);
  }
}

function choice(mode) {
  const radio = element("input", { type: "radio", name: "transfer-mode", value: mode, checked: mode === "add" });
  return element("label", { className: "check" }, radio, text(`importPanelModes.${mode}`));
}

// Lists the keys that are kept for a missing package and what isn't imported, with the reasons; empty if there are none.
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
  // It scrolls, so it has to be reachable with the keyboard.
  return element("div", { className: "transfer-report", role: "region", tabIndex: 0, "aria-label": text("importPanelReport") }, ...lists);
}
