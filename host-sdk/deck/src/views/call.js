// Calls the page's connectCreatorCentral once the page has loaded, as Creator Central does. Some pages define it later, in a
// script that they load themselves, so it is polled for.
(call) => {
  const POLL_INTERVAL_MS = 50;
  const TIMEOUT_MS = 10000;
  let waitedMs = 0;

  // Also finds a function declared with `const`, which is not a member of the global object. If the script failed before such
  // a declaration, even `typeof` throws.
  function isDefined() {
    try {
      return typeof connectCreatorCentral === "function";
    } catch {
      return false;
    }
  }

  function poll() {
    if (isDefined()) {
      call();
      return;
    }
    if (waitedMs >= TIMEOUT_MS) throw new Error("The page has no function connectCreatorCentral.");
    waitedMs += POLL_INTERVAL_MS;
    setTimeout(poll, POLL_INTERVAL_MS);
  }

  // The timeout lets the page's own load handlers run first, because they may define the function.
  addEventListener("load", () => setTimeout(poll));
}
