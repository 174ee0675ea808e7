/**
 * Every text that a user can see, in one table a language, so that a translation is a table and nothing else.
 * A value may hold `{name}` parts, filled in by {@link text}.
 */

const en = {
  productName: 'Creator Deck',
  packageStatus: 'Packages',
  log: 'Log',
  settings: 'Settings',
  widgets: 'Widgets',
  import: 'Import',
  listHint: 'Drag a widget onto the Panel, or press Enter to put it on the first free place.',
  panel: 'Panel',
  panelEmpty: 'Drag a widget here',
  panelHelp: 'Arrow keys move between widgets. Enter or Space presses. Shift and an arrow key move the widget. Delete removes it.',
  properties: 'Properties',
  nothingSelected: 'Select a widget on the Panel to see its properties.',
  title: 'Title',
  deleteWidget: 'Delete widget',
  propertiesHeading: '{package} - {widget}',
  noPropertyView: 'This widget has no further properties.',
  propertyFrame: 'Properties of {widget}',
  size: '{width} x {height}',
  layoutSize: '{title} ({width} x {height})',
  multiSized: 'Multi-sized widget',
  chooseLayout: 'Choose the layout of {widget}',
  layoutPicker: 'Layout',
  layoutUntitled: 'Layout {number}',
  noPackages: 'No packages yet.',
  noPackagesHelp: 'Import a package: use the button below, or drop a .creatorCentral file anywhere on this page.',
  importPackage: 'Import a package…',
  loading: 'Connecting to Creator Deck…',
  removePackage: 'Remove package {package}',
  removeHeading: 'Remove {package}?',
  removeText: 'The package is uninstalled, and its widgets on the Panel are deleted ({count} now).',
  keepSettings: 'Keep its settings for the next time it is installed',
  cancel: 'Cancel',
  remove: 'Remove',
  removed: '{package} was removed.',
  importing: 'Importing {file}…',
  imported: '{package} {version} is installed.',
  importFailed: '{file} could not be imported. {reason}',
  notAPackage: 'Choose a file whose name ends with .creatorCentral.',
  dropToImport: 'Drop the package to import it',
  placed: '{widget} is on the Panel at column {column}, row {row}.',
  moved: '{widget} is now at column {column}, row {row}.',
  deleted: '{widget} was deleted.',
  panelFull: 'There is no free place for {widget} ({width} x {height}). Delete or move a widget on the Panel first.',
  placeTaken: '{widget} ({width} x {height}) does not fit there.',
  invalid: 'not available',
  closeLog: 'Close log',
  closeSettings: 'Close settings',
  settingsPackages: 'Packages with settings',
  settingsFrame: 'Settings of {package}',
  noSettings: 'No installed package has settings.',
  packageWithoutSettings: '{package} has no settings page.',
  logFilter: 'Package',
  logAll: 'All',
  logHost: 'Creator Deck',
  logHeld: '{count} new while paused',
  pause: 'Pause',
  resume: 'Resume',
  clear: 'Clear',
  statusRunning: 'running',
  statusStarting: 'starting',
  statusRestarting: 'restarting',
  statusStopped: 'stopped',
  statusFailed: 'failed',
  packageState: '{package}: {status}',
  connectionLost: 'Connection to Creator Deck lost. Trying again…',
  connectionRefused: 'Creator Deck does not accept this page any more. Open the address that it shows when it starts.',
  unreachable: 'Creator Deck does not answer. Check that it is still running.',
  requestFailed: 'Creator Deck refused the request ({status}).',
  dismiss: 'Dismiss',
  openLink: '{package} wants to open a page, and the browser blocked it.',
  openLinkAction: 'Open {address} in a new tab',
};

const tables = { en };

let current = en;

/**
 * Chooses the language of the texts, falling back to English.
 * @param {string} language a tag such as "en" or "zh_TW"; letter case, "-" and "_" make no difference
 */
export function setLanguage(language) {
  const plain = (tag) => tag.toLowerCase().replace(/[-_]/g, '');
  const found = Object.keys(tables).find((tag) => plain(tag) === plain(language ?? ''));
  current = tables[found] ?? en;
}

/**
 * @param {keyof typeof en} key
 * @param {Object<string, string|number>} [values] what to put in place of each `{name}`
 * @returns {string}
 */
export function text(key, values = {}) {
  const template = current[key] ?? en[key] ?? key;
  return template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Fills the static skeleton: `data-text` becomes the content, `data-label` the accessible name and tooltip. */
export function localize(root) {
  for (const element of root.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll('[data-label]')) {
    const label = text(element.dataset.label);
    element.setAttribute('aria-label', label);
    if (element.tagName === 'BUTTON') element.title = label;
  }
}
