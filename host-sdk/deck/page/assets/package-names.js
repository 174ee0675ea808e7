// Whether this browser finds the pages of packages. Each package has a host name of its own, `NAME.localhost`, which browsers
// resolve to this computer by themselves; one that doesn't shows a blank frame and says nothing.

/** The origins that were found. */
const found = new Set();

/** Whether the origin of `url` can be reached from here. */
export function isReachable(url) {
  const { origin } = new URL(url);
  if (found.has(origin)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const probe = new Image();
    probe.addEventListener("load", () => {
      found.add(origin);
      resolve(true);
    });
    probe.addEventListener("error", () => resolve(false));
    probe.src = `${origin}/probe`;
  });
}
