// Checks whether this browser can load the pages of packages. Each package has its own host name, `NAME.localhost`, which most
// browsers resolve to this computer without DNS; a browser that doesn't would show a blank frame without an error.

/** Origins that have been reached. */
const reached = new Set();

/** Resolves to whether this browser can reach the origin of `url`. */
export function isReachable(url) {
  const { origin } = new URL(url);
  if (reached.has(origin)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const probe = new Image();
    probe.addEventListener("load", () => {
      reached.add(origin);
      resolve(true);
    });
    probe.addEventListener("error", () => resolve(false));
    probe.src = `${origin}/probe`;
  });
}
