/*
 * The editor for a text with placeholders such as `{title}`: buttons that insert them, and a preview of the result.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { fields } = pages;
  const { element, button, setText } = pages.dom;
  const { text } = pages.strings;

  /** The widget's text if the user has set none. */
  const DEFAULT_TEXT = "{title}\n{artist}";
  /** The placeholders, with their text key and an example value. */
  const PLACEHOLDERS = new Map([
    ["title", ["fieldTitle", "Über den Dächern"]],
    ["artist", ["fieldArtist", "Lumen Föhr"]],
    ["album", ["fieldAlbum", "Stadtlichter"]],
    ["playlist", ["fieldPlaylist", "Morning Coffee"]],
    ["elapsed", ["fieldElapsed", "1:23"]],
    ["total", ["fieldTotal", "3:45"]],
    ["remaining", ["fieldRemaining", "-2:22"]],
    ["device", ["fieldDevice", "Desk"]],
  ]);
  /** With more lines, the text on a key of one row is too small to be read from a distance. */
  const MAX_READABLE_LINES = 4;
  /** How long after the last keystroke the text is saved (ms). */
  const TYPING_DELAY_MS = 400;
  /** The size of a key in the preview, half the host's (pixels). */
  const KEY_SIZE = { width: 75, height: 54 };

  /** The template field: `setting`, `label`, and the widget's `layouts`, which determine the preview's size. */
  function template({ setting, label, layouts }) {
    const { client } = pages;
    const id = `setting-${setting}`;
    const area = element("textarea", {
      id,
      rows: 3,
      maxlength: 300,
      spellcheck: "false",
      "aria-describedby": `${id}-hint ${id}-status`,
    });
    const preview = element("div", { class: "preview", role: "img" });
    const status = element("p", { id: `${id}-status`, class: "hint", role: "status" });
    const reset = button(`${id}-reset`, text("templateReset"), "quiet small", () => {
      area.value = DEFAULT_TEXT;
      save();
      area.focus();
    });
    const insertButtons = [...PLACEHOLDERS].map(([name, [key]]) =>
      button(`${id}-insert-${name}`, text(key), "small", () => {
        area.setRangeText(`{${name}}`, area.selectionStart, area.selectionEnd, "end");
        save();
        area.focus();
      }),
    );
    /** The timer that saves the typed text; null if it is saved. */
    let saveTimer = null;

    function save() {
      clearTimeout(saveTimer);
      saveTimer = null;
      const value = area.value;
      client.setSetting(setting, value.trim() && value !== DEFAULT_TEXT ? value : undefined);
      draw();
    }

    function draw() {
      const value = area.value.trim() ? area.value : DEFAULT_TEXT;
      const unknown = new Set();
      const example = value.replace(/\{(\w+)\}/g, (placeholder, name) => {
        if (PLACEHOLDERS.has(name)) return PLACEHOLDERS.get(name)[1];
        unknown.add(placeholder);
        return placeholder;
      });
      const exampleLines = example.split("\n");
      preview.textContent = "";
      for (const line of exampleLines) preview.append(element("span", { text: line || "\u00a0" }));
      preview.setAttribute("aria-label", text("previewOf", { text: exampleLines.join(", ") }));
      preview.style.width = `${fields.columns(layouts, client.settings) * KEY_SIZE.width}px`;
      preview.style.height = `${KEY_SIZE.height}px`;
      preview.style.fontSize = `${Math.min(15, (KEY_SIZE.height - 8) / (exampleLines.length * 1.25))}px`;
      const hasTooManyLines = exampleLines.length > MAX_READABLE_LINES;
      const notes = [text("lineCount", { n: exampleLines.length })];
      if (hasTooManyLines) notes.push(text("tooManyLines", { n: MAX_READABLE_LINES }));
      if (unknown.size) notes.push(text("fieldUnknown", { fields: [...unknown].join(", ") }));
      setText(status, notes.join(" · "));
      status.classList.toggle("warning", hasTooManyLines || unknown.size > 0);
      reset.hidden = area.value === DEFAULT_TEXT;
    }

    area.addEventListener("input", () => {
      clearTimeout(saveTimer);
      saveTimer = setTimeout(save, TYPING_DELAY_MS);
      draw();
    });
    area.addEventListener("change", () => {
      save();
      if (!area.value.trim()) area.value = DEFAULT_TEXT;
      draw();
    });
    return {
      node: element(
        "div",
        { class: "field" },
        element("div", { class: "row label-row" }, element("label", { class: "label", for: id, text: text(label) }), reset),
        area,
        element("div", { class: "inserts", role: "group", "aria-label": text("insertField") }, ...insertButtons),
        element("p", { id: `${id}-hint`, class: "hint", text: text("templateHint") }),
        element("div", { class: "row preview-row" }, preview, status),
      ),
      show(settings) {
        if (saveTimer === null && document.activeElement !== area) {
          const value = settings[setting];
          area.value = typeof value === "string" && value.trim() ? value : DEFAULT_TEXT;
        }
        draw();
      },
    };
  }

  pages.template = template;
})();
