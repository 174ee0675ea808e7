// Every word that the page itself says, in one table, so that a translation is another table. Braces mark what `text`
// fills in. What packages say (names, titles, messages) comes from the server as it is.

const table = {
  product: "Creator Deck",

  packages: "Packages",
  status: {
    running: "running",
    starting: "starting",
    restarting: "restarting",
    stopped: "stopped",
    failed: "failed",
  },
  statusOf: "{name}: {status}",
  import: "Import",
  importHint: "Import a package (.creatorCentral)",
  importing: "Importing {name}…",
  imported: "{name} {version} is installed.",
  notAPackage: "{name} is not a package. Choose a file whose name ends with .creatorCentral.",
  dropToImport: "Drop the package to install it",
  removePackage: "Remove {name}",
  removeQuestion: "Remove {name}?",
  removeExplanation: "Its keys leave the Panel and the package is deleted from this computer.",
  keepSettings: "Keep its settings for another time",
  remove: "Remove",
  cancel: "Cancel",
  removed: "{name} was removed.",

  widgets: "Widgets",
  widgetHint: "Drag a widget to the Panel, or press Enter on it to put it on the first free place.",
  noPackages: "No packages yet",
  noPackagesHint: "Import a package (a .creatorCentral file): drop it anywhere on this page, or choose it here.",
  chooseFile: "Choose a file…",
  size: "{width}\u00a0x\u00a0{height}",
  layoutAndSize: "{title} ({size})",
  layoutNumber: "Layout {number}",
  chooseLayout: "Choose the layout of {name}",
  layoutsOf: "Layouts of {name}",
  multiSized: "Multi-sized widget",

  device: "Device",
  panel: "Panel",
  emptyPanel: "Drag a widget here",
  emptyPanelNoPackage: "Import a package to fill the Panel",
  emptyCell: "Free place, column {column}, row {row}",
  placed: "{name} is on the Panel, column {column}, row {row}.",
  moved: "{name} moved to column {column}, row {row}.",
  noRoom: "There is no free place of {size} on the Panel. Remove a key or choose a smaller layout.",
  deletedKey: "{name} was removed from the Panel.",
  invalidKey: "something is wrong",

  properties: "Properties",
  widget: "Widget",
  title: "Title",
  deleteKey: "Remove this key from the Panel",
  nothingSelected: "No key selected",
  nothingSelectedHint: "Press a key on the Panel to see what can be set for it.",
  noProperties: "This widget has nothing more to set.",
  viewFailed: "This page could not be opened. Leave it and open it again to try once more.",
  propertyView: "Settings of {name}",
  packageAndWidget: "{package} - {widget}",

  settings: "Settings",
  settingsOf: "Settings of {name}",
  noSettings: "No package has settings",
  noSettingsHint: "When a package brings a settings page, it is shown here.",

  notices: "Notices",
  close: "Close",
  dismiss: "Dismiss",
  connectionLost: "Connection to Creator Deck lost. Trying again…",
  connectionBack: "Connected to Creator Deck again.",
  unreachable: "Creator Deck does not answer. Check that it is still running.",
  failed: "Creator Deck refused that (error {status}).",
  openLink: "{name} wants to open a page, and the browser blocked it.",
  openLinkAction: "Open {host} in a new tab",
  openedLink: "Opened {host} in a new tab.",

  log: "Log",
  level: { info: "Info", warn: "Warning", error: "Error" },
  allPackages: "All packages",
  host: "Creator Deck",
  filterLog: "Show messages of",
  pause: "Pause",
  resume: "Resume",
  clear: "Clear",
  closeLog: "Close the log",
  noLog: "Nothing has happened yet.",
  noLogMatch: "Nothing matches the filter.",
  logKind: "Show",
  logKinds: { all: "Everything", log: "Log lines only", messages: "Messages only", in: "From packages", out: "To packages" },
  logEvent: "Show the event",
  allEvents: "All events",
  searchLog: "Search the log",
  direction: { in: "From", out: "To" },
  page: "page",
  logSize: "{size}\u00a0B",
  messagesMissed: "{count} messages came too fast to be shown. They are in the log file.",
  pausedCount: "{count} more while paused",
};

/** The string `key` ("status.running" reaches into a group), with `{name}` replaced by `values.name`. */
export function text(key, values = {}) {
  const found = key.split(".").reduce((group, part) => group?.[part], table);
  if (typeof found !== "string") return key;
  return found.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Fills in the words of the elements that name them by data-text, data-label and data-title. */
export function fillTexts(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
  for (const element of root.querySelectorAll("[data-title]")) element.title = text(element.dataset.title);
}
