// Packages: their state in the top bar, importing (with the button, or by dropping a file on the page), and removing.

import * as api from "./api.js";
import { element, nameNode, setAttribute, setText } from "./dom.js";
import { askInstallation } from "./import-dialog.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { moveNoticesInto, showError, showNotice } from "./toast.js";
import { importPanel, isPanelFile } from "./transfer.js";

const bar = document.getElementById("package-status");
const fileInput = document.getElementById("import-file");
const dropOverlay = document.getElementById("drop-overlay");
/** Extensions of packages, and of other hosts' plugins, for which the validator explains what they are. */
const PACKAGE_EXTENSIONS = [".creatorcentral", ".streamdeckplugin", ".sdplugin", ".tpp", ".lplug4"];

const confirmDialog = document.getElementById("confirm-dialog");

/** Sets up the states in the top bar, the Import button and dropping files. */
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
    const title = text("statusOf", { name, status: text(`status.${status}`) });
    setAttribute(item, "data-status", status);
    setAttribute(item, "title", message ? `${title}\n${message}` : title);
    setText(item.querySelector(".name"), name);
    setText(item.lastChild, status === "running" ? "" : text(`status.${status}`));
  }
  for (const item of items.values()) item.remove();
}

// Files are imported one after another, because each may show a dialog.
let importQueue = Promise.resolve();

function importFiles(files) {
  for (const file of files) importQueue = importQueue.then(() => importFile(file));
}

async function importFile(file) {
  if (isPanelFile(file)) {
    await importPanel(file);
    return;
  }
  // A plugin for another host goes to the validator, which reports what it is.
  if (!PACKAGE_EXTENSIONS.some((extension) => file.name.toLowerCase().endsWith(extension))) {
    showError(text("notAPackage", { name: file.name }));
    return;
  }
  let closeNotice = showNotice(text("checking", { name: file.name }));
  try {
    const report = await api.checkPackage(file);
    closeNotice();
    const { refused, error, warning } = report.counts;
    const needsNoDialog = refused + error + warning === 0 && report.replaces === null;
    if (!needsNoDialog && !(await askInstallation(file.name, report))) return;
    closeNotice = showNotice(text("importing", { name: file.name }));
    const { name, version } = await api.installPackage(file);
    showNotice(text("imported", { name, version }));
  } catch (error) {
    showError(error);
  }
  closeNotice();
}

function acceptDrops() {
  // dragenter and dragleave are fired for every element that the pointer crosses, so they are counted.
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = () => {
    dropOverlay.hidden = depth === 0;
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

/** Asks the user to confirm the removal of a package, and removes it. */
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
  moveNoticesInto(confirmDialog);
  confirmDialog.addEventListener("close", () => moveNoticesInto(null), { once: true });
  confirmDialog.showModal();
}
