// Small helpers to build elements. Text always goes in as text, never as HTML: names and messages come from packages.

/**
 * Makes an element. `properties` are set as properties where the element has them, as attributes otherwise (`data-…`,
 * `aria-…`, `role`), `on` is a table of listeners; null and undefined are left out.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key === "on") {
      for (const [type, listener] of Object.entries(value)) made.addEventListener(type, listener);
    } else if (key in made && key !== "sandbox") {
      made[key] = value;
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A name of a package's own, on one line: whatever it holds, what stands beside it stays as it is. */
export function nameNode(words) {
  return element("bdi", { className: "name" }, words);
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

/** A drawn sign by name (a key of `paths`); decoration only, the button around it carries the label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

/** Sets text only where it differs, so that nothing is drawn or announced again for no reason. */
export function setText(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** As `setText`, for an attribute; null takes it off. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}
