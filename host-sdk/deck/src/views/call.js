// Calls the page's connectCreatorCentral when the page has loaded, as Creator Central does. Some pages define it a while
// later, from a script that they load themselves.
(call) => {
  const LOOK_EVERY_MS = 50;
  const LONGEST_MS = 10000;
  let waited = 0;

  // Also one that was declared with `const`, which makes it no member of the page's global object. Where the script before
  // such a declaration has failed, asking for it fails, too.
  function isDefined() {
    try {
      return typeof connectCreatorCentral === "function";
    } catch {
      return false;
    }
  }

  function look() {
    if (isDefined()) {
      call();
      return;
    }
    if (waited >= LONGEST_MS) throw new Error("The page has no function connectCreatorCentral.");
    waited += LOOK_EVERY_MS;
    setTimeout(look, LOOK_EVERY_MS);
  }

  // Behind the page's own handlers of the event, which may set up what is called.
  addEventListener("load", () => setTimeout(look));
}
