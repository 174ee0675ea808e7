// Runs first in a page of a package: what goes wrong in it, and what it writes to the console, goes to the deck's log, as a
// program's output does. `OUTPUT` is where to; the deck fills it in.
(() => {
  const MOST_LINES = 100;
  const LONGEST = 2000;
  let waiting = [];
  let missed = 0;
  let timer = null;

  // The first line at once: a page that hangs after it has no time for a timer. Those that follow, together.
  function send() {
    timer = null;
    if (waiting.length === 0) return;
    if (missed > 0) waiting.push({ line: `(${missed} more lines came too fast.)`, error: false });
    missed = 0;
    const body = JSON.stringify(waiting);
    waiting = [];
    fetch(OUTPUT, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => {});
    timer = setTimeout(send, 50);
  }

  // An error that comes after too much else is worth a line all the same.
  function say(line, error = false) {
    if (waiting.length < MOST_LINES || (error && waiting.length < 2 * MOST_LINES)) waiting.push({ line: line.slice(0, LONGEST), error });
    else missed += 1;
    if (timer === null) send();
  }

  function word(value) {
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
      say(values.map(word).join(" "));
      write(...values);
    };
  }
  // Also of scripts and pictures that can't be loaded, whose events don't bubble. A page without one of its own scripts isn't
  // what its author has tried; what lies elsewhere may be out of reach for a while.
  const failed = ({ message, filename, lineno, target }) => {
    if (message) {
      const file = filename?.split("/").pop();
      say(file ? `${message} (${file}, line ${lineno})` : message, true);
      return;
    }
    const address = target?.src ?? target?.href;
    if (!address) return;
    const isOwnScript = target.localName === "script" && address.startsWith(`${location.origin}/`);
    const name = isOwnScript ? new URL(address).pathname.split("/").slice(3).join("/") : address;
    say(`It can't be loaded: ${name}`, isOwnScript);
  };
  addEventListener("error", failed, true);
  addEventListener("unhandledrejection", ({ reason }) => say(`A promise was rejected: ${word(reason)}`, true));
})();
