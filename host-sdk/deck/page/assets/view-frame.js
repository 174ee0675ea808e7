// Shows a package's own page (a property view or a settings page) in a frame: opens a view on the server, displays it, and
// closes it on the server when it is no longer shown.

import * as api from "./api.js";
import { element } from "./dom.js";
import { isReachable } from "./package-origins.js";
import { store } from "./store.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

// The pages have an origin other than ours, so the sandbox may let them keep it. It prevents them from navigating this page.
// They may open pages, such as a help page, and copy to the clipboard.
const SANDBOX = "allow-scripts allow-same-origin allow-forms allow-modals allow-downloads allow-popups allow-popups-to-escape-sandbox";

/** Shows one view at a time inside the element `holder`. */
export class ViewFrame {
  #view = null;
  /** The frame, or the error message in its place. */
  #shown = null;
  /** Incremented with every request, so that outdated responses are recognised. */
  #requestId = 0;

  constructor(holder, id) {
    this.holder = holder;
    this.id = id;
    window.addEventListener("pagehide", () => {
      if (this.#view !== null) api.closeView(this.#view);
    });
  }

  /** Opens the view of `of` ({context} or {package}), named `title`, and replaces the one that was shown. */
  async open(of, title) {
    this.close();
    const requestId = this.#requestId;
    let opened;
    try {
      opened = await api.openView(of);
    } catch (error) {
      if (requestId !== this.#requestId) return;
      showError(error);
      this.#show(element("p", { className: "muted" }, text("viewFailed")));
      return;
    }
    const reachable = await isReachable(opened.url);
    if (requestId !== this.#requestId) {
      api.closeView(opened.view);
      return;
    }
    if (!reachable) {
      api.closeView(opened.view);
      this.#show(element("p", { className: "muted" }, text("packagesUnreachable")));
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

  /** Closes the view, if one is open. */
  close() {
    this.#requestId += 1;
    this.#shown?.remove();
    this.#shown = null;
    if (this.#view === null) return;
    api.closeView(this.#view);
    this.#view = null;
  }
}
