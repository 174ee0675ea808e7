// Packages as such: their state in the top bar, importing (button, or a file dropped on the page) and removing.

import * as api from "./api.js";
import { element, nameNode, setAttribute, setText } from "./dom.js";
import { askInstallation } from "./import-dialog.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { keepNoticesIn, showError, showNotice } from "./toast.js";
import { importPanel, isPanelFile } from "./transfer.js";

const bar = document.getElementById("package-status");
const fileInput = document.getElementById("import-file");
const veil = document.getElementById("drop-veil");
/** How files end that are worth a look: packages, and what users take for one. */
const ENDINGS = [".creatorcentral", ".streamdeckplugin", ".sdplugin", ".tpp", ".lplug4"];

const confirmDialog = document.getElementById("confirm-dialog");

/** Brings the top bar, the Import button and dropping of files to life. */
export function startPackages() {
  store.on("packages", drawBar);
  document.getElementById("import-button").addEventListener("click", chooseFile);
  fileInput.addEventListener("change", () => {
    importFiles([...fileInput.files]);
    fileInput.value = "";
  });
  acceptDrops();
}

/** Opens the browser's file dialog for a package. */
export function chooseFile() {
  fileInput.click();
}

function drawBar() {
  const items = new Map([...bar.children].map((item) => [item.dataset.package, item]));
  for (const { uuid, name, status, message } of store.packages) {
    let item = items.get(uuid);
    items.delete(uuid);
    if (item === undefined) {
      const dot = element("span", { className: "dot", "aria-hidden": "true" });
      item = element("li", { "data-package": uuid }, dot, nameNode(""), element("span", { className: "package-state" }));
      bar.append(item);
    }
    const words = text("statusOf", { name, status: text(`status.${status}`) });
    setAttribute(item, "data-status", status);
    setAttribute(item, "title", message ? `${words}\n${message}` : words);
    setText(item.querySelector(".name"), name);
    setText(item.lastChild, status === "running" ? "" : text(`status.${status}`));
  }
  for (const item of items.values()) item.remove();
}

// One after the other, also when more are chosen meanwhile: each may have a question to ask.
let line = Promise.resolve();

function importFiles(files) {
  for (const file of files) line = line.then(() => importFile(file));
}

async function importFile(file) {
  if (isPanelFile(file)) {
    await importPanel(file);
    return;
  }
  // What is for another host is told what it is.
  if (!ENDINGS.some((ending) => file.name.toLowerCase().endsWith(ending))) {
    showError(text("notAPackage", { name: file.name }));
    return;
  }
  let done = showNotice(text("checking", { name: file.name }));
  try {
    const report = await api.checkPackage(file);
    done();
    const { refused, error, warning } = report.counts;
    const isPlain = refused + error + warning === 0 && report.replaces === null;
    if (!isPlain && !(await askInstallation(file.name, report))) return;
    done = showNotice(text("importing", { name: file.name }));
    const { name, version } = await api.installPackage(file);
    showNotice(text("imported", { name, version }));
  } catch (error) {
    showError(error);
  }
  done();
}

function acceptDrops() {
  // Enter and leave come in pairs for every element on the way.
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = () => {
    veil.hidden = depth === 0;
  };
  window.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    show();
  });
  window.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(depth - 1, 0);
    show();
  });
  window.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    importFiles([...event.dataTransfer.files]);
  });
}

/** Asks whether a package is to be removed, and removes it. */
export function askRemoval(uuid) {
  const owner = store.package(uuid);
  if (owner === null || confirmDialog.open) return;
  const keep = element("input", { type: "checkbox", id: "keep-settings" });
  const cancel = element("button", { type: "button", autofocus: true }, text("cancel"));
  const confirm = element("button", { type: "button", className: "danger" }, text("remove"));
  cancel.addEventListener("click", () => confirmDialog.close());
  confirm.addEventListener("click", async () => {
    confirm.disabled = true;
    try {
      await api.removePackage(uuid, keep.checked);
      showNotice(text("removed", { name: owner.name }));
    } catch (error) {
      showError(error);
    }
    confirmDialog.close();
  });
  confirmDialog.replaceChildren(
    element("h2", { id: "confirm-title" }, text("removeQuestion", { name: owner.name })),
    element("p", {}, text("removeExplanation")),
    element("label", { className: "check" }, keep, text("keepSettings")),
    element("div", { className: "dialog-buttons" }, cancel, confirm),
  );
  keepNoticesIn(confirmDialog);
  confirmDialog.addEventListener("close", () => keepNoticesIn(null), { once: true });
  confirmDialog.showModal();
}
