/*
 * The few helpers by which the pages build and change their elements. Everything from outside becomes text, never markup.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** Spotify's page of the user's own apps. */
  const DASHBOARD_URL = "https://developer.spotify.com/dashboard";

  /**
   * Makes an element. `properties`: `text` is its text, `class` its classes, `on` an object of event handlers, anything else
   * an attribute (false or undefined: left out; true: without a value). Children are nodes or texts.
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

  /** Sets a text only where it differs, so that a screen reader does not say the same thing again. */
  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  /** A button that sends nothing by itself. */
  function button(id, label, className, onClick) {
    return element("button", { id, type: "button", class: className, text: label, on: { click: onClick } });
  }

  /** Whether an element has a place on the page, that is, neither it nor anything around it is hidden. */
  function isShown(node) {
    // What is inside a closed `details` has boxes in newer browsers, and only there is `checkVisibility` known.
    return node.checkVisibility ? node.checkVisibility() : node.getClientRects().length > 0;
  }

  /** Says below a field what is wrong with it; an empty message takes that away. */
  function setFieldError(input, line, message) {
    setText(line, message);
    line.hidden = !message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  /** A link that the host opens in the user's browser; without a host the browser opens it itself. */
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

  /** Copies the text of a field. The old command is for frames that the new interface is not allowed in. */
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
