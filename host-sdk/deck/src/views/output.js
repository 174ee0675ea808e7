// Runs first in every page of a package. Sends its errors and console output to the deck's log, like a program's output.
// The deck replaces `OUTPUT` with the address to send to.
(() => {
  const MAX_LINES = 100;
  const MAX_LINE_LENGTH = 2000;
  let pending = [];
  let dropped = 0;
  let timer = null;

  // Sends the first line immediately, because a page that hangs afterwards never runs a timer. Later lines are batched.
  function send() {
    timer = null;
    if (pending.length === 0) return;
    if (dropped > 0) pending.push({ line: `(${dropped} more lines came too fast.)`, error: false });
    dropped = 0;
    const body = JSON.stringify(pending);
    pending = [];
    fetch(OUTPUT, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => {});
    timer = setTimeout(send, 50);
  }

  // Errors are still recorded when the limit for other lines is reached.
  function record(line, error = false) {
    if (pending.length < MAX_LINES || (error && pending.length < 2 * MAX_LINES)) pending.push({ line: line.slice(0, MAX_LINE_LENGTH), error });
    else dropped += 1;
    if (timer === null) send();
  }

  function format(value) {
    if (typeof value === "string") return value;
    if (value instanceof Error) return value.stack ?? String(value);
    try {
      return JSON.stringify(value) ?? String(value);
    } catch {
      return String(value);
    }
  }

  for (const name of ["debug", "log", "info", "warn", "error"]) {
    const write = console[name].bind(console);
    console[name] = (...values) => {
      record(values.map(format).join(" "));
      write(...values);
    };
  }
  // Also receives the events of scripts and pictures that can't be loaded, which don't bubble. A missing script of the package
  // itself is an error; a resource from elsewhere may only be unreachable for a while.
  const onError = ({ message, filename, lineno, target }) => {
    if (message) {
      const file = filename?.split("/").pop();
      record(file ? `${message} (${file}, line ${lineno})` : message, true);
      return;
    }
    const address = target?.src ?? target?.href;
    if (!address) return;
    const isOwnScript = target.localName === "script" && address.startsWith(`${location.origin}/`);
    const name = isOwnScript ? new URL(address).pathname.split("/").slice(3).join("/") : address;
    record(`It can't be loaded: ${name}`, isOwnScript);
  };
  addEventListener("error", onError, true);
  addEventListener("unhandledrejection", ({ reason }) => record(`A promise was rejected: ${format(reason)}`, true));
})();
