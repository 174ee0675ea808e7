/** Small helpers to make and find elements, so that the other modules read as what they show. */

const SVG = 'http://www.w3.org/2000/svg';

/** The element with this id, which index.html promises to hold. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return element;
}

/**
 * Makes an element. Properties of `options` are set as attributes, except `class`, `text`, `data` (data-… attributes)
 * and functions, which become listeners (`click: handler`). Absent values (null, undefined, false) are left out.
 * @returns {HTMLElement}
 */
export function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name === 'text') element.textContent = value;
    else if (name === 'data') Object.assign(element.dataset, value);
    else if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the symbols of index.html (`icon('trash')`), hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A picture that can't be dragged by the browser's own drag and drop. Decorative: its neighbour says what it is. */
export function picture(source, className) {
  const image = make('img', { class: className, alt: '', draggable: 'false', decoding: 'async' });
  if (source) image.src = source;
  return image;
}
