// The settings of the deck itself, an entry of the Settings dialog: the language of packages, the page's colours, starting with the
// computer, the log, and where everything lies.

import * as api from "./api.js";
import { element, setAttribute, setText } from "./dom.js";
import { openLog } from "./log-drawer.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { announce, showError } from "./toast.js";

/** The languages that hosts report, each in itself. */
const LANGUAGES = { en: "English", de: "Deutsch", ja: "日本語", ko: "한국어", zh_CN: "简体中文", zh_TW: "繁體中文" };
const APPEARANCES = ["system", "dark", "light"];

/** The form; `node` is the element, `close()` is called before the user is led elsewhere. */
export class DeckSettings {
  #language = select("deck-language", Object.entries(LANGUAGES));
  #languageNote = element("p", { className: "deck-note" });
  #restart = element("button", { type: "button", id: "deck-restart" }, text("deckRestart"));
  #restartRow = element("div", { className: "deck-restart", role: "status" }, element("p", {}), this.#restart);
  #appearance = select("deck-appearance", APPEARANCES.map((name) => [name, text(`deckAppearance.${name}`)]));
  #start = element("input", { type: "checkbox", id: "deck-start", role: "switch", disabled: true, "aria-describedby": "deck-start-note" });
  #startNote = element("p", { id: "deck-start-note", className: "deck-note" });
  #logNote = element("p", { className: "deck-note" });
  #logs = new Folder("logs");
  #data = new Folder("data");

  constructor(close) {
    this.#language.addEventListener("change", () => prefer({ language: this.#language.value }));
    this.#appearance.addEventListener("change", () => prefer({ appearance: this.#appearance.value }));
    this.#start.addEventListener("change", () => this.#setStart(this.#start.checked));
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
      section("deckStart", element("label", { className: "check" }, this.#start, text("deckStartLabel")), this.#startNote),
      section("log", log, this.#logNote, this.#logs.node),
      section("deckData", element("p", { className: "deck-note" }, text("deckDataNote")), this.#data.node),
    );
  }

  /** Asks the server what is the case, and shows it. */
  async refresh() {
    this.update();
    try {
      const desktop = await api.getDesktop();
      this.#logs.show(desktop.logs, desktop.opensFolders);
      this.#data.show(desktop.data, desktop.opensFolders);
      setText(this.#logNote, text("deckLogNote", { size: desktop.logMegabytes }));
      this.#start.checked = desktop.startsWithComputer === true;
      this.#start.disabled = desktop.startsWithComputer === null;
      setText(this.#startNote, desktop.startsError ?? text(this.#start.disabled ? "deckStartNot" : "deckStartNote"));
    } catch (error) {
      showError(error);
    }
  }

  /** Shows what the page knows by itself. */
  update() {
    const { preferences, language, languageFixed } = store.deck;
    if (preferences === undefined) return;
    this.#language.value = language;
    this.#language.disabled = languageFixed;
    setText(this.#languageNote, text(languageFixed ? "deckLanguageFixed" : "deckLanguageNote"));
    this.#appearance.value = preferences.appearance;
    const behind = packagesBehind();
    const hadFocus = document.activeElement === this.#restart;
    this.#restartRow.hidden = behind.length === 0;
    if (this.#restartRow.hidden && hadFocus) this.#language.focus();
    const names = behind.map(({ name }) => name).join(", ");
    setText(this.#restartRow.firstChild, behind.length === 0 ? "" : text("deckRestartNote", { names }));
  }

  async #setStart(on) {
    try {
      await api.setStart(on);
      announce(text(on ? "deckStarts" : "deckStartsNot"));
    } catch (error) {
      showError(error);
    }
    await this.refresh();
  }

  async #restartPackages() {
    setAttribute(this.#restart, "aria-disabled", "true");
    for (const { uuid } of packagesBehind()) {
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

/** A folder of the deck's: its path, to be copied, and to be shown in the file manager. */
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

  show(path, opens) {
    setText(this.#path, path);
    this.#open.hidden = !opens;
  }

  async #onCopy() {
    try {
      await navigator.clipboard.writeText(this.#path.textContent);
      setText(this.#copy, text("deckCopied"));
      announce(text("deckCopied"));
      setTimeout(() => setText(this.#copy, text("deckCopy")), 2000);
    } catch {
      // Where the browser doesn't let it, the path can be copied by hand.
      getSelection().selectAllChildren(this.#path);
      announce(text("deckSelected"));
    }
  }
}

// Packages that run in another language than the one that is chosen by now.
function packagesBehind() {
  const runs = ({ status }) => status !== "stopped" && status !== "failed";
  return store.packages.filter((owner) => owner.language !== store.deck.language && runs(owner));
}

function prefer(choice) {
  api.prefer(choice).catch(showError);
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
