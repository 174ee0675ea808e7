// Runs first in a page that is a package: what it writes to the console, and what goes wrong in it, goes to the deck's log,
// as a program's output does. `OUTPUT` is where to; the deck fills it in.
(() => {
  const MOST_LINES = 100;
  const LONGEST = 2000;
  const waiting = [];
  let missed = 0;
  let timer = null;

  // The first line at once: a page that hangs after it has no time for a timer. Those that follow, together.
  function send() {
    timer = null;
    if (waiting.length === 0) return;
    if (missed > 0) waiting.push(`(${missed} more lines came too fast.)`);
    missed = 0;
    fetch(OUTPUT, { method: "POST", body: waiting.splice(0).join("\n") }).catch(() => {});
    timer = setTimeout(send, 50);
  }

  function say(line) {
    if (waiting.length < MOST_LINES) waiting.push(line.slice(0, LONGEST));
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
  // Also of scripts and pictures that can't be loaded, whose events don't bubble.
  const failed = ({ message, filename, lineno, target }) => {
    if (message) say(`${message} (${filename.split("/").pop()}, line ${lineno})`);
    else say(`It can't be loaded: ${target.src ?? target.href}`);
  };
  addEventListener("error", failed, true);
  addEventListener("unhandledrejection", ({ reason }) => say(`Nobody has caught: ${word(reason)}`));
  addEventListener("load", () => {
    if (typeof connectCreatorCentral !== "function") say("The page has no function connectCreatorCentral.");
  });
})();
