// The dialog that shows a package before it is installed: its identity, the version that it replaces, and the validator's
// findings by severity. Its content comes from an untrusted file, so it is inserted as text, and only http and https addresses
// become links.

import { element } from "./dom.js";
import { text } from "./strings.js";

const dialog = document.getElementById("import-dialog");
const severities = ["refused", "error", "warning", "note"];

/**
 * Shows the validator's report on a file and asks whether to install it. Resolves to true if the user agrees; for a refused
 * package the dialog can only be closed.
 */
export function askInstallation(fileName, report) {
  const refused = report.counts.refused > 0;
  const cancel = element("button", { type: "button", autofocus: true }, text(refused ? "close" : "cancel"));
  const install = element("button", { type: "button", className: "primary" }, text("install"));
  cancel.addEventListener("click", () => dialog.close());
  install.addEventListener("click", () => dialog.close("install"));
  const about = report.package;
  const title = refused || about === null ? text("checkedTitleUnknown") : text("checkedTitle", { name: about.name });
  dialog.replaceChildren(
    element(
      "div",
      { className: "import-header" },
      element("h2", { id: "import-title" }, title),
      ...(about === null ? [element("p", {}, fileName)] : identity(about, refused)),
      !report.replaces || refused ? null : element("p", { className: "import-replaces" }, replacement(report)),
      element("p", { id: "import-verdict", className: "import-verdict", "data-verdict": verdict(report) }, verdictText(report)),
    ),
    findings(report),
    element("div", { className: "dialog-buttons" }, cancel, refused ? null : install),
  );
  // Another modal dialog would stay open.
  document.querySelector("dialog:modal")?.close();
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const onClose = () => resolve(!refused && dialog.returnValue === "install");
    dialog.addEventListener("close", onClose, { once: true });
  });
}

function identity({ name, version, author, description, url, widgets }, refused) {
  const line = [text("checkedVersion", { version }), author ? text("checkedAuthor", { author }) : ""].join(" ");
  const link = webLink(url);
  return [
    refused ? element("p", { className: "import-name" }, name) : null,
    element("p", { className: "import-version" }, line),
    description ? element("p", {}, description) : null,
    widgets.length > 0 ? element("p", {}, text("checkedWidgets", { names: widgets.join(", ") })) : null,
    link === null ? null : element("p", {}, link),
  ];
}

function webLink(url) {
  if (!url || !URL.canParse(url)) return null;
  const address = new URL(url);
  if (address.protocol !== "http:" && address.protocol !== "https:") return null;
  const label = text("checkedPage", { host: address.host });
  return element("a", { href: address.href, target: "_blank", rel: "noopener noreferrer" }, label);
}

function replacement({ package: about, replaces }) {
  const isSame = replaces.version === about.version;
  const key = replaces.newer ? "checkedDowngrade" : isSame ? "checkedReplacesSame" : "checkedReplaces";
  return text(key, { version: replaces.version });
}

function verdict({ counts }) {
  if (counts.refused > 0) return "refused";
  return counts.error > 0 ? "error" : counts.warning > 0 ? "warning" : "good";
}

function verdictText(report) {
  switch (verdict(report)) {
    case "refused":
      return text("checkedRefused");
    case "good":
      return text("checkedGood");
    default:
      return text("checkedWarn");
  }
}

function findings({ findings: all }) {
  const groups = severities
    .map((severity) => [severity, all.filter((finding) => finding.severity === severity)])
    .filter(([, found]) => found.length > 0);
  if (groups.length === 0) return null;
  // It scrolls, so it has to be reachable with the keyboard.
  const list = element("div", { className: "import-findings", role: "region", tabIndex: 0, "aria-label": text("checkedFindings") });
  for (const [severity, found] of groups) {
    list.append(
      element("h3", { "data-severity": severity }, text(`severities.${severity}`, { count: found.length })),
      element("ul", {}, ...found.map(item)),
    );
  }
  return list;
}

function item({ file, member, message, remedy, rule }) {
  const place = member && file === "PackageConfig.json" ? member : [file, member].filter(Boolean).join(": ");
  return element(
    "li",
    { "data-rule": rule },
    element("p", {}, element("code", {}, place || text("wholePackage")), ` ${message}`),
    element("p", { className: "import-remedy" }, remedy),
  );
}
