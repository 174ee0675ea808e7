/*
 * Helpers that build and change elements. External data is always inserted as text, never as HTML.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** Spotify's page with the user's apps. */
  const DASHBOARD_URL = "https://developer.spotify.com/dashboard";

  /**
   * Creates an element. In `properties`, `text` is its text, `class` its classes and `on` an object of event handlers; all others
   * are attributes (false or undefined: omitted; true: without a value). Children are nodes or strings.
   */
  function element(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "text") node.textContent = value;
      else if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== undefined && value !== false) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  }

  /** Sets a node's text if it differs, so that a screen reader doesn't announce it again. */
  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  /** Creates a button that doesn't submit its form. */
  function button(id, label, className, onClick) {
    return element("button", { id, type: "button", class: className, text: label, on: { click: onClick } });
  }

  /** Returns whether neither the element nor any of its ancestors is hidden. */
  function isShown(node) {
    // In newer browsers, the content of a closed `details` has client rects; these browsers support `checkVisibility`.
    return node.checkVisibility ? node.checkVisibility() : node.getClientRects().length > 0;
  }

  /** Shows an error message in the element `errorNode` of a field; an empty message hides it. */
  function setFieldError(input, errorNode, message) {
    setText(errorNode, message);
    errorNode.hidden = !message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  /** Creates a link that the host opens in the user's browser; without a host, the page's browser opens it. */
  function externalLink(url, text, className) {
    return element("a", {
      href: url,
      target: "_blank",
      rel: "noopener noreferrer",
      class: className,
      text,
      on: {
        click: (event) => {
          if (pages.client.openUrl(url)) event.preventDefault();
        },
      },
    });
  }

  /** Copies a field's text to the clipboard. The deprecated command is for frames in which the Clipboard API isn't allowed. */
  async function copyField(field) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      field.focus();
      field.select();
      return document.execCommand("copy");
    }
  }

  pages.dom = { DASHBOARD_URL, element, setText, button, isShown, setFieldError, externalLink, copyField };
})();
