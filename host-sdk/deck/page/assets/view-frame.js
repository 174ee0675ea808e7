// A package's own page (a property view or a settings page) in a frame: asks the server for a view, shows it, and tells
// the server when it is no longer shown. One `ViewFrame` a place on the page.

import * as api from "./api.js";
import { element } from "./dom.js";
import { isReachable } from "./package-names.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

// The pages are of another origin than ours, so the sandbox may leave them that origin; what it keeps from them is
// to send this page elsewhere. They may open pages of their own, such as a help page, and copy to the clipboard.
const SANDBOX = "allow-scripts allow-same-origin allow-forms allow-modals allow-downloads allow-popups allow-popups-to-escape-sandbox";

/** Shows one view at a time inside `holder`. */
export class ViewFrame {
  #view = null;
  /** The frame, or the words that stand in for it. */
  #shown = null;
  /** Grows with every request, so that an answer that comes late is known to be late. */
  #turn = 0;

  constructor(holder, id) {
    this.holder = holder;
    this.id = id;
    window.addEventListener("pagehide", () => {
      if (this.#view !== null) api.closeView(this.#view);
    });
  }

  /** Opens the view of `of` ({context} or {package}), named `title`, in place of what was shown. */
  async open(of, title) {
    this.close();
    const turn = this.#turn;
    let opened;
    try {
      opened = await api.openView(of);
    } catch (error) {
      if (turn !== this.#turn) return;
      showError(error);
      this.#show(element("p", { className: "muted" }, text("viewFailed")));
      return;
    }
    const reachable = await isReachable(opened.url);
    if (turn !== this.#turn) {
      api.closeView(opened.view);
      return;
    }
    if (!reachable) {
      api.closeView(opened.view);
      this.#show(element("p", { className: "muted" }, text("noPackageNames")));
      return;
    }
    this.#view = opened.view;
    this.#show(
      element("iframe", {
        id: this.id,
        title,
        src: opened.url,
        referrerPolicy: "no-referrer",
        sandbox: SANDBOX,
        allow: "clipboard-write",
        "data-owner": of.package ?? store.instances.get(of.context)?.package,
      }),
    );
  }

  #show(shown) {
    this.#shown = shown;
    this.holder.append(shown);
  }

  close() {
    this.#turn += 1;
    this.#shown?.remove();
    this.#shown = null;
    if (this.#view === null) return;
    api.closeView(this.#view);
    this.#view = null;
  }
}
