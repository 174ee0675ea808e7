// The deck's own settings in the Settings dialog: the language of packages, the page's colours, starting with the computer, the
// log, and the folders.

import * as api from "./api.js";
import { element, setAttribute, setText } from "./dom.js";
import { openLog } from "./log-drawer.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The languages that hosts report, each by its own name. */
const LANGUAGES = { en: "English", de: "Deutsch", ja: "日本語", ko: "한국어", zh_CN: "简体中文", zh_TW: "繁體中文" };
const APPEARANCES = ["system", "dark", "light"];

/** The settings form, `node`. `close()` is called to close the dialog before something else is shown. */
export class DeckSettings {
  #language = select("deck-language", Object.entries(LANGUAGES));
  #languageNote = element("p", { className: "deck-note" });
  #restart = element("button", { type: "button", id: "deck-restart" }, text("deckRestart"));
  #restartRow = element("div", { className: "deck-restart", role: "status" }, element("p", {}), this.#restart);
  #appearance = select("deck-appearance", APPEARANCES.map((name) => [name, text(`deckAppearance.${name}`)]));
  #autostart = element("input", { type: "checkbox", id: "deck-start", role: "switch", disabled: true, "aria-describedby": "deck-start-note" });
  #autostartNote = element("p", { id: "deck-start-note", className: "deck-note" });
  #logNote = element("p", { className: "deck-note" });
  #logs = new Folder("logs");
  #data = new Folder("data");

  constructor(close) {
    this.#language.addEventListener("change", () => setPreferences({ language: this.#language.value }));
    this.#appearance.addEventListener("change", () => setPreferences({ appearance: this.#appearance.value }));
    this.#autostart.addEventListener("change", () => this.#setAutostart(this.#autostart.checked));
    this.#restart.addEventListener("click", () => this.#restartPackages());
    const log = element("button", { type: "button", id: "deck-log" }, text("deckOpenLog"));
    log.addEventListener("click", () => {
      close();
      openLog();
    });
    this.node = element(
      "div",
      { id: "deck-settings", className: "deck-settings", role: "region", tabIndex: 0, "aria-label": text("settingsOf", { name: text("product") }) },
      section("deckLanguage", row(text("deckLanguageLabel"), this.#language), this.#languageNote, this.#restartRow),
      section("deckLook", row(text("deckLookLabel"), this.#appearance)),
      section("deckStart", element("label", { className: "check" }, this.#autostart, text("deckStartLabel")), this.#autostartNote),
      section("log", log, this.#logNote, this.#logs.node),
      section("deckData", element("p", { className: "deck-note" }, text("deckDataNote")), this.#data.node),
    );
  }

  /** Loads the current values from the server and shows them. */
  async refresh() {
    this.update();
    try {
      const desktop = await api.getDesktop();
      this.#logs.show(desktop.logs, desktop.opensFolders);
      this.#data.show(desktop.data, desktop.opensFolders);
      setText(this.#logNote, text("deckLogNote", { size: desktop.logMegabytes }));
      this.#autostart.checked = desktop.startsWithComputer === true;
      this.#autostart.disabled = desktop.startsWithComputer === null;
      setText(this.#autostartNote, desktop.startsError ?? text(this.#autostart.disabled ? "deckStartNot" : "deckStartNote"));
    } catch (error) {
      showError(error);
    }
  }

  /** Shows the values that are in the store. */
  update() {
    const { preferences, language, languageFixed } = store.deck;
    if (preferences === undefined) return;
    this.#language.value = language;
    this.#language.disabled = languageFixed;
    setText(this.#languageNote, text(languageFixed ? "deckLanguageFixed" : "deckLanguageNote"));
    this.#appearance.value = preferences.appearance;
    const outdated = packagesToRestart();
    const hadFocus = document.activeElement === this.#restart;
    this.#restartRow.hidden = outdated.length === 0;
    if (this.#restartRow.hidden && hadFocus) this.#language.focus();
    const names = outdated.map(({ name }) => name).join(", ");
    setText(this.#restartRow.firstChild, outdated.length === 0 ? "" : text("deckRestartNote", { names }));
  }

  async #setAutostart(on) {
    try {
      await api.setAutostart(on);
      announce(text(on ? "deckStarts" : "deckStartsNot"));
    } catch (error) {
      showError(error);
    }
    await this.refresh();
  }

  async #restartPackages() {
    setAttribute(this.#restart, "aria-disabled", "true");
    for (const { uuid } of packagesToRestart()) {
      try {
        await api.loadPackage(uuid);
      } catch (error) {
        showError(error);
      }
    }
    setAttribute(this.#restart, "aria-disabled", null);
    announce(text("deckRestarted"));
  }
}

/** A folder of the deck: its path, and buttons to copy it and to open the folder in the file manager. */
class Folder {
  #path = element("code", { className: "deck-path" });
  #copy;
  #open;

  constructor(name) {
    this.#copy = element("button", { type: "button", className: "small", "data-copy": name }, text("deckCopy"));
    this.#open = element("button", { type: "button", className: "small", "data-open": name, hidden: true }, text("deckOpenFolder"));
    this.#copy.setAttribute("aria-label", text("deckCopyNamed", { name: text(`deckFolder.${name}`) }));
    this.#open.setAttribute("aria-label", text("deckOpenNamed", { name: text(`deckFolder.${name}`) }));
    this.#copy.addEventListener("click", () => this.#onCopy());
    this.#open.addEventListener("click", () => api.openFolder(name).catch(showError));
    this.node = element("div", { className: "deck-folder" }, this.#path, this.#copy, this.#open);
  }

  show(path, canOpen) {
    setText(this.#path, path);
    this.#open.hidden = !canOpen;
  }

  async #onCopy() {
    try {
      await navigator.clipboard.writeText(this.#path.textContent);
      setText(this.#copy, text("deckCopied"));
      announce(text("deckCopied"));
      setTimeout(() => setText(this.#copy, text("deckCopy")), 2000);
    } catch {
      // If the browser denies access to the clipboard, the user can copy the selected path.
      getSelection().selectAllChildren(this.#path);
      announce(text("deckSelected"));
    }
  }
}

// Returns the running packages that were started in a language other than the chosen one.
function packagesToRestart() {
  const isRunning = ({ status }) => status !== "stopped" && status !== "failed";
  return store.packages.filter((owner) => owner.language !== store.deck.language && isRunning(owner));
}

function setPreferences(choice) {
  api.setPreferences(choice).catch(showError);
}

function select(id, options) {
  return element("select", { id }, ...options.map(([value, words]) => element("option", { value }, words)));
}

function section(title, ...content) {
  return element("section", {}, element("h3", {}, text(title)), ...content);
}

function row(label, field) {
  return element("div", { className: "deck-row" }, element("label", { htmlFor: field.id }, label), field);
}
