// Runs web packages, which are a page instead of a program. The server decides which of them this page runs; each has a hidden
// frame with its package's own origin.

import { element } from "./dom.js";
import { isReachable } from "./package-origins.js";
import { text } from "./strings.js";
import { showError } from "./toast.js";

// As for views, without dialogs, downloads and windows, which a hidden page doesn't need.
const SANDBOX = "allow-scripts allow-same-origin allow-forms";

// Inside the viewport and not `display: none`, because browsers throttle frames that aren't rendered. Inert, so that the frames
// can't take the focus.
const holder = element("div", { id: "web-packages", className: "web-packages", inert: true, "aria-hidden": "true" });
document.body.append(holder);

/** The running frames, by address. */
const frames = new Map();

/** Whether the user has been warned that web packages can't run in this browser. */
let isWarned = false;

async function warnIfUnreachable(url) {
  if ((await isReachable(url)) || isWarned) return;
  isWarned = true;
  showError(new Error(text("packagesUnreachable")));
}

/** Runs exactly these web packages, each `{package, name, url}`. A new address restarts the package. */
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
