// Web packages: those that are a page instead of a program. The server says which of them this page has to run; each gets a
// hidden frame, from its package's own origin.

import { element } from "./dom.js";
import { isReachable } from "./package-names.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

// As for views, less what a hidden page has no use for: dialogs, downloads, windows of its own.
const SANDBOX = "allow-scripts allow-same-origin allow-forms";

// Within the window and not `display: none`: browsers hardly let a frame run that has no place in it. Inert, so that it can't
// take the focus from what the user does.
const holder = element("div", { id: "web-packages", className: "web-packages", inert: true, "aria-hidden": "true" });
document.body.append(holder);

/** The frames that are there, by address. */
const frames = new Map();

/** Whether the user knows that web packages can't run in this browser. */
let isWarned = false;

async function warnIfUnreachable(url) {
  if ((await isReachable(url)) || isWarned) return;
  isWarned = true;
  showError(new Error(text("noPackageNames")));
}

/** Has exactly these web packages run here: `{package, name, url}` each. Another address is another start. */
export function runWebPackages(wanted) {
  const urls = new Set(wanted.map(({ url }) => url));
  for (const [url, frame] of frames) {
    if (urls.has(url)) continue;
    frame.remove();
    frames.delete(url);
  }
  for (const { package: owner, name, url } of wanted) {
    if (frames.has(url)) continue;
    const frame = element("iframe", {
      title: text("webPackage", { name }),
      "data-package": owner,
      src: url,
      referrerPolicy: "no-referrer",
      sandbox: SANDBOX,
      allow: "autoplay",
      tabIndex: -1,
    });
    frames.set(url, frame);
    warnIfUnreachable(url);
    holder.append(frame);
  }
}
