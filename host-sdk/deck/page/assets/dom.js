// Helpers that build elements. Text is always inserted as text, never as HTML, because names and messages come from packages.

/**
 * Creates an element. `properties` are set as properties if the element has them, otherwise as attributes (`data-…`,
 * `aria-…`, `role`); `on` is a table of listeners. Null and undefined are skipped.
 */
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    } else if (key in node && key !== "sandbox") {
      node[key] = value;
    } else {
      node.setAttribute(key, value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Creates an element for a name that a package supplies: on one line, and isolated from the text direction around it. */
export function nameNode(name) {
  return element("bdi", { className: "name" }, name);
}

const SVG = "http://www.w3.org/2000/svg";

const paths = {
  trash: "M4 5.5h12M8 5.5v-2h4v2M5.5 5.5l.8 11h7.4l.8-11M8.5 8.5v5M11.5 8.5v5",
  layouts: "M3.5 3.5h13v13h-13zM6.5 6.5H9V9H6.5zM11 6.5h2.5V9H11zM6.5 11H9v2.5H6.5zM11 11h2.5v2.5H11z",
  fold: "M5 4.500l5 4 5-4M5 15.500l5-4 5 4",
  unfold: "M5 8l5-4 5 4M5 12l5 4 5-4",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  back: "M12 5l-5 5 5 5",
  forward: "M8 5l5 5-5 5",
  close: "M5 5l10 10M15 5 5 15",
  add: "M10 4v12M4 10h12",
  rename: "M4 16l.8-3.4L13.6 4 16 6.4 7.4 15.2zM12 5.6 14.4 8",
  copy: "M7 7h9v9H7zM13 7V4H4v9h3",
  undo: "M7 4 3.5 7.5 7 11M3.5 7.5H12a4 4 0 0 1 0 8H8",
  redo: "M13 4l3.5 3.5L13 11M16.500 7.500H8a4 4 0 0 0 0 8h4",
  more: "M10 4.500v.010M10 10v.010M10 15.500v.010",
  export: "M10 12.500v-9M6.500 7 10 3.500 13.500 7M4 12v4.500h12V12",
  import: "M10 3.500v9M6.500 9 10 12.500 13.500 9M4 12v4.500h12V12",
  package: "M3.500 6.800 10 3.500l6.500 3.300v6.600L10 16.700l-6.500-3.300zM3.500 6.800 10 10l6.500-3.200M10 10v6.700",
  sleep: "M15.500 11.700A6.300 6.300 0 1 1 8.300 4.500a5 5 0 0 0 7.200 7.200z",
};

/** Creates an icon by name (a key of `paths`). It is decoration only; the button around it has the label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

/** Sets an element's text if it differs, to avoid needless repaints and announcements. */
export function setText(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** Sets an attribute if it differs; null removes it. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}
