/*
 * A list of Spotify items to choose from: the listbox of a combobox, whose text field keeps the focus.
 *
 * An item is `{ uri, type, name, by, image }`. Its picture is shown if its address is one of Spotify's image hosts and the page
 * can load it; otherwise a symbol is shown.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element } = pages.dom;
  const { text } = pages.strings;

  /** Represents the user's Liked Songs. */
  const LIKED_SONGS = "spotify:collection";

  /** The types of items, with the text keys of their singular and plural. */
  const TYPES = new Map([
    ["track", ["kindTrack", "kindTracks"]],
    ["album", ["kindAlbum", "kindAlbums"]],
    ["artist", ["kindArtist", "kindArtists"]],
    ["playlist", ["kindPlaylist", "kindPlaylists"]],
    ["show", ["kindShow", "kindShows"]],
    ["episode", ["kindEpisode", "kindEpisodes"]],
  ]);

  const string = (value) => (typeof value === "string" ? value : "");

  /** Parses an item from the package or the settings; null if it can't be shown. */
  function parseItem(value) {
    if (typeof value !== "object" || value === null || !string(value.uri)) return null;
    const uri = value.uri;
    const type = string(value.type) || uri.split(":")[1];
    return { uri, type, name: string(value.name) || uri, by: string(value.by), image: string(value.image), owned: value.owned };
  }

  /** Returns the name of a type of items; empty for a type that this page doesn't know. */
  function typeName(type, isPlural = false) {
    return TYPES.has(type) ? text(TYPES.get(type)[isPlural ? 1 : 0]) : "";
  }

  /** Returns the line below an item's name: its type and its creator. */
  function byline({ uri, type, by }) {
    return uri === LIKED_SONGS ? "" : [typeName(type), by].filter(Boolean).join(" · ");
  }

  /** Returns whether a picture may be loaded: from Spotify's image hosts, from this computer (a simulated Spotify), or as data. */
  function isAllowedPicture(address) {
    if (/^data:image\/(png|jpeg|webp);base64,/.test(address)) return true;
    let url;
    try {
      url = new URL(address);
    } catch {
      return false;
    }
    if (url.protocol === "http:") return url.hostname === "127.0.0.1";
    return url.protocol === "https:" && /\.(scdn\.co|spotifycdn\.com)$/.test(url.hostname);
  }

  /** Creates an item's picture. It is hidden from screen readers, because the name is next to it. */
  function picture({ uri, type, image }) {
    const isLikedSongs = uri === LIKED_SONGS;
    const node = element("span", { class: "picture", "data-type": isLikedSongs ? "liked" : type, "aria-hidden": "true" });
    node.append(isLikedSongs ? "♥" : "♪");
    if (!isLikedSongs && isAllowedPicture(image)) {
      const img = element("img", { src: image, alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
      img.addEventListener("error", () => img.remove());
      node.append(img);
    }
    return node;
  }

  /** Creates an item's name and the line below it. */
  function itemText(item) {
    const line = byline(item);
    return element(
      "span",
      { class: "item-text" },
      element("span", { class: "item-name", text: item.name }),
      ...(line ? [element("span", { class: "item-by", text: line })] : []),
    );
  }

  class ResultList {
    _id;
    _input;
    _on;
    /** The rows by URI. A row that stays keeps its element, and with it its loaded picture. */
    _rows = new Map();
    /** The rows from top to bottom. */
    _order = [];
    _active = null;
    _nextId = 0;

    /** The list's element. */
    node;

    /**
     * `input` is the text field that controls the list. `on` contains the callbacks: `choose(item)`, and `end()` when the list is
     * scrolled close to its end.
     */
    constructor(id, label, input, on) {
      this._id = id;
      this._input = input;
      this._on = on;
      this.node = element("div", { id, class: "results", role: "listbox", "aria-label": label, hidden: true });
      // Keeps the focus in the text field.
      this.node.addEventListener("mousedown", (event) => event.preventDefault());
      this.node.addEventListener("scroll", () => this._checkEnd());
      for (const [name, value] of [
        ["role", "combobox"],
        ["aria-autocomplete", "list"],
        ["aria-controls", id],
        ["aria-expanded", "false"],
      ]) {
        input.setAttribute(name, value);
      }
    }

    /** The number of items in the list. */
    get length() {
      return this._order.length;
    }

    /** Shows `groups`, each with `items` and, if there are several groups, a `label`; `chosen` is the URI of the current setting. */
    show(groups, chosen) {
      const top = this.node.scrollTop;
      const active = this._active?.item.uri;
      const rows = new Map();
      this._order = [];
      this.node.textContent = "";
      for (const [index, { label, items }] of groups.entries()) {
        const heading = label && element("div", { id: `${this._id}-group-${index}`, class: "results-label", text: label });
        const group = element("div", heading ? { role: "group", "aria-labelledby": heading.id } : {});
        if (heading) group.append(heading);
        for (const item of items) {
          if (rows.has(item.uri)) continue;
          const row = this._rows.get(item.uri) || this._row(item);
          row.node.setAttribute("aria-selected", String(item.uri === chosen));
          rows.set(item.uri, row);
          this._order.push(row);
          group.append(row.node);
        }
        this.node.append(group);
      }
      this._rows = rows;
      this.node.hidden = this._order.length === 0;
      this._input.setAttribute("aria-expanded", String(this._order.length > 0));
      this.node.scrollTop = top;
      this._activate(rows.get(active) || null);
      this._checkEnd();
    }

    /** Scrolls to the top and clears the active row. */
    rewind() {
      this._activate(null);
      this.node.scrollTop = 0;
    }

    _row(item) {
      const id = `${this._id}-option-${this._nextId}`;
      this._nextId += 1;
      const node = element("div", { id, class: "item", role: "option" }, picture(item), itemText(item));
      const row = { item, node };
      node.addEventListener("click", () => this._on.choose(item));
      return row;
    }

    /** Handles a key that was pressed in the text field. Returns whether the list has used it. */
    onKeyDown(event) {
      const last = this._order.length - 1;
      if (last < 0) return false;
      const at = this._order.indexOf(this._active);
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 5, PageUp: -5 }[event.key];
      if (step) {
        const next = at < 0 ? (step > 0 ? 0 : last) : Math.min(last, Math.max(0, at + step));
        this._activate(this._order[next]);
        return true;
      }
      if (event.key === "Enter" && this._active) {
        this._on.choose(this._active.item);
        return true;
      }
      if (event.key === "Escape" && this._active) {
        this._activate(null);
        return true;
      }
      return false;
    }

    _activate(row) {
      if (this._active) this._active.node.classList.remove("active");
      this._active = row;
      if (row) {
        row.node.classList.add("active");
        row.node.scrollIntoView({ block: "nearest" });
        this._input.setAttribute("aria-activedescendant", row.node.id);
      } else {
        this._input.removeAttribute("aria-activedescendant");
      }
    }

    _checkEnd() {
      const { scrollTop, clientHeight, scrollHeight } = this.node;
      if (scrollTop + clientHeight >= scrollHeight - clientHeight) this._on.end();
    }
  }

  pages.results = { LIKED_SONGS, parseItem, typeName, picture, itemText, ResultList };
})();
