/*
 * The editor of a text with fields, such as `{title}`: buttons that insert them, and a preview that shows what becomes of it.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { fields } = pages;
  const { element, button, setText } = pages.dom;
  const { text } = pages.strings;

  /** What the widget shows without a text of the user's. */
  const STANDARD = "{title}\n{artist}";
  /** What can be inserted, with the name of its words and an example. */
  const FIELDS = new Map([
    ["title", ["fieldTitle", "Über den Dächern"]],
    ["artist", ["fieldArtist", "Lumen Föhr"]],
    ["album", ["fieldAlbum", "Stadtlichter"]],
    ["playlist", ["fieldPlaylist", "Morning Coffee"]],
    ["elapsed", ["fieldElapsed", "1:23"]],
    ["total", ["fieldTotal", "3:45"]],
    ["remaining", ["fieldRemaining", "-2:22"]],
    ["device", ["fieldDevice", "Desk"]],
  ]);
  /** Beyond so many lines the text on a key one row high is too small to be read from a distance. */
  const READABLE_LINES = 4;
  /** After so long without typing the text is stored (ms). */
  const TYPING_MS = 400;
  /** The preview's key, half as large as the host's (pixels). */
  const KEY = { width: 75, height: 54 };

  /** `setting`, `label`; `layouts` are the widget's, whose shape the preview takes. */
  function template({ setting, label, layouts }) {
    const { client } = pages;
    const id = `setting-${setting}`;
    const area = element("textarea", {
      id,
      rows: 3,
      maxlength: 300,
      spellcheck: "false",
      "aria-describedby": `${id}-hint ${id}-lines`,
    });
    const preview = element("div", { class: "preview", role: "img" });
    const lines = element("p", { id: `${id}-lines`, class: "hint", role: "status" });
    const reset = button(`${id}-reset`, text("templateReset"), "quiet small", () => {
      area.value = STANDARD;
      store();
      area.focus();
    });
    const inserts = [...FIELDS].map(([name, [words]]) =>
      button(`${id}-insert-${name}`, text(words), "small", () => {
        area.setRangeText(`{${name}}`, area.selectionStart, area.selectionEnd, "end");
        store();
        area.focus();
      }),
    );
    /** What was typed and is not stored yet. */
    let typing = null;

    function store() {
      clearTimeout(typing);
      typing = null;
      const value = area.value;
      client.setSetting(setting, value.trim() && value !== STANDARD ? value : undefined);
      draw();
    }

    function draw() {
      const value = area.value.trim() ? area.value : STANDARD;
      const unknown = new Set();
      const example = value.replace(/\{(\w+)\}/g, (whole, name) => {
        if (FIELDS.has(name)) return FIELDS.get(name)[1];
        unknown.add(whole);
        return whole;
      });
      const shown = example.split("\n");
      preview.textContent = "";
      for (const line of shown) preview.append(element("span", { text: line || "\u00a0" }));
      preview.setAttribute("aria-label", text("previewOf", { text: shown.join(", ") }));
      preview.style.width = `${fields.columns(layouts, client.settings) * KEY.width}px`;
      preview.style.height = `${KEY.height}px`;
      preview.style.fontSize = `${Math.min(15, (KEY.height - 8) / (shown.length * 1.25))}px`;
      const crowded = shown.length > READABLE_LINES;
      const said = [text("lineCount", { n: shown.length })];
      if (crowded) said.push(text("linesTooMany", { n: READABLE_LINES }));
      if (unknown.size) said.push(text("fieldUnknown", { fields: [...unknown].join(", ") }));
      setText(lines, said.join(" · "));
      lines.classList.toggle("warning", crowded || unknown.size > 0);
      reset.hidden = area.value === STANDARD;
    }

    area.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(store, TYPING_MS);
      draw();
    });
    area.addEventListener("change", () => {
      store();
      if (!area.value.trim()) area.value = STANDARD;
      draw();
    });
    return {
      node: element(
        "div",
        { class: "field" },
        element("div", { class: "row label-row" }, element("label", { class: "label", for: id, text: text(label) }), reset),
        area,
        element("div", { class: "inserts", role: "group", "aria-label": text("insertField") }, ...inserts),
        element("p", { id: `${id}-hint`, class: "hint", text: text("templateHint") }),
        element("div", { class: "row preview-row" }, preview, lines),
      ),
      show(settings) {
        if (typing === null && document.activeElement !== area) {
          const value = settings[setting];
          area.value = typeof value === "string" && value.trim() ? value : STANDARD;
        }
        draw();
      },
    };
  }

  pages.template = template;
})();
