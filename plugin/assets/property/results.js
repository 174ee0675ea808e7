/*
 * What Spotify has found, as a list to choose from: the listbox of a combobox, whose text field keeps the keyboard focus.
 *
 * An item is `{ uri, type, name, by, image }`. Its picture is shown where it comes from an address of Spotify's pictures and
 * the host lets the page load it; a sign of its kind stands there otherwise.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element } = pages.dom;
  const { text } = pages.strings;

  /** The URI that stands for the user's Liked Songs. */
  const LIKED_SONGS = "spotify:collection";

  /** What can be chosen, with the names of the words for one and for many. */
  const KINDS = new Map([
    ["track", ["kindTrack", "kindTracks"]],
    ["album", ["kindAlbum", "kindAlbums"]],
    ["artist", ["kindArtist", "kindArtists"]],
    ["playlist", ["kindPlaylist", "kindPlaylists"]],
    ["show", ["kindShow", "kindShows"]],
    ["episode", ["kindEpisode", "kindEpisodes"]],
  ]);

  const string = (value) => (typeof value === "string" ? value : "");

  /** What came from the package or from the settings as an item; null: nothing that can be shown. */
  function itemOf(value) {
    if (typeof value !== "object" || value === null || !string(value.uri)) return null;
    const uri = value.uri;
    const type = string(value.type) || uri.split(":")[1];
    return { uri, type, name: string(value.name) || uri, by: string(value.by), image: string(value.image), owned: value.owned };
  }

  /** The words for a kind of item; `many`: for several of them. Empty for a kind that this page doesn't know. */
  function kind(type, many = false) {
    return KINDS.has(type) ? text(KINDS.get(type)[many ? 1 : 0]) : "";
  }

  /** What to say of an item besides its name. */
  function byline({ uri, type, by }) {
    return uri === LIKED_SONGS ? "" : [kind(type), by].filter(Boolean).join(" · ");
  }

  /** Whether a picture may be loaded: from Spotify's image hosts, from this computer (a simulated Spotify) or as data. */
  function isPicture(address) {
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

  /** The picture of an item, for the eye alone: its name stands beside it. */
  function picture({ uri, type, image }) {
    const liked = uri === LIKED_SONGS;
    const node = element("span", { class: "picture", "data-type": liked ? "liked" : type, "aria-hidden": "true" });
    node.append(liked ? "♥" : "♪");
    if (!liked && isPicture(image)) {
      const img = element("img", { src: image, alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
      img.addEventListener("error", () => img.remove());
      node.append(img);
    }
    return node;
  }

  /** An item's name, and below it what else is to be said. */
  function words(item) {
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
    /** The rows by their URI: a row that stays keeps its element, and with it its picture. */
    _rows = new Map();
    /** The rows from top to bottom. */
    _order = [];
    _active = null;
    _nextId = 0;

    /** The element of the list. */
    node;

    /**
     * `input` is the text field that moves through the list. `on` has what to call: `choose(item)`, and `end()` when the end
     * of the list comes near.
     */
    constructor(id, label, input, on) {
      this._id = id;
      this._input = input;
      this._on = on;
      this.node = element("div", { id, class: "results", role: "listbox", "aria-label": label, hidden: true });
      // The focus stays in the text field.
      this.node.addEventListener("mousedown", (event) => event.preventDefault());
      this.node.addEventListener("scroll", () => this._lookAtEnd());
      for (const [name, value] of [
        ["role", "combobox"],
        ["aria-autocomplete", "list"],
        ["aria-controls", id],
        ["aria-expanded", "false"],
      ]) {
        input.setAttribute(name, value);
      }
    }

    /** How many items are shown. */
    get length() {
      return this._order.length;
    }

    /** Shows `groups`, each with its `items` and, where there are several, its `label`; `chosen` is the URI that is set. */
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
      this._lookAtEnd();
    }

    /** Scrolls to the beginning, with nothing marked. */
    rewind() {
      this._activate(null);
      this.node.scrollTop = 0;
    }

    _row(item) {
      const id = `${this._id}-option-${this._nextId}`;
      this._nextId += 1;
      const node = element("div", { id, class: "item", role: "option" }, picture(item), words(item));
      const row = { item, node };
      node.addEventListener("click", () => this._on.choose(item));
      return row;
    }

    /** A key that was pressed in the text field. True: it was for the list. */
    key(event) {
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

    _lookAtEnd() {
      const { scrollTop, clientHeight, scrollHeight } = this.node;
      if (scrollTop + clientHeight >= scrollHeight - clientHeight) this._on.end();
    }
  }

  pages.results = { LIKED_SONGS, itemOf, kind, byline, picture, words, ResultList };
})();
