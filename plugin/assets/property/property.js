/*
 * The property view: the account line, and below it the settings that the selected widget has.
 *
 * A setting is a member of the widget's settings object: `device` ({"id", "name"}, absent: whichever is active), `step`
 * (1 to 25 percent points of volume), `layout` (index of the layout where the host does not say it).
 */
(function () {
  "use strict";

  const { client, strings, dom, Accounts, AccountPanel, times, words } = globalThis.SpotifyPages;
  const { element, setText } = dom;
  const { text } = strings;

  const STEP = { min: 1, max: 25, standard: 5 };
  const LAYOUTS = 3;
  /** After so long a question for the devices counts as unanswered (ms). */
  const ANSWER_MS = 10000;

  const accounts = new Accounts(client);

  /** What a widget can be set to, by the last part of its UUID; the others have the device alone. */
  const FIELDS = {
    "volume-up": [stepField, deviceField],
    "volume-down": [stepField, deviceField],
    "playing-now": [layoutField, deviceField],
    account: [],
  };

  /** Each takes the settings whenever they come or change. */
  const fields = [];
  let built = false;

  function build() {
    if (built) return;
    built = true;
    strings.use(client.language || navigator.language);
    accountLine();
    const widget = client.widget.split(".").pop();
    const settings = document.getElementById("settings");
    for (const field of FIELDS[widget] || [deviceField]) {
      const node = field();
      if (node) settings.append(node);
    }
    showSettings();
  }

  function showSettings() {
    const settings = client.settings;
    for (const show of fields) show(settings);
  }

  // The account

  function accountLine() {
    const line = document.getElementById("account-line");
    const name = document.getElementById("account-name");
    const badge = document.getElementById("account-initial");
    const toggle = document.getElementById("toggle-account");
    const root = document.getElementById("account-panel");
    let panel = null;

    function show() {
      const account = accounts.main;
      const { known, silent, offline } = accounts;
      const state = offline ? "offline" : silent ? "silent" : !known ? "loading" : account ? account.state : "none";
      line.dataset.state = state;
      line.dataset.tone = account ? words.tone(account, Date.now()) : "";
      const others = {
        offline: text("hostLost"),
        silent: text("packageSilent"),
        loading: text("loading"),
        none: text("notLinked"),
      };
      setText(name, others[state] || accountText(account));
      setText(badge, words.initial(account));
      toggle.hidden = !known && root.hidden;
      toggle.classList.toggle("primary", root.hidden && known && state !== "linked" && state !== "linking");
      const closed = account ? text("accountSettings") : text("linkSpotify");
      setText(toggle, root.hidden ? closed : text("closeAccountSettings"));
    }

    /** Whose account serves, and what limits it; until when nobody does, where that is so. */
    function accountText(account) {
      const now = Date.now();
      if (accounts.nobodyUntil > now) return text("nobodyUntil", { time: times.until(accounts.nobodyUntil, now) });
      // A screen reader says the line when it changes: without what remains, which does so every second.
      return [words.state(account), ...words.facts(account, now, false)].join(" · ");
    }

    toggle.addEventListener("click", () => {
      root.hidden = !root.hidden;
      toggle.setAttribute("aria-expanded", String(!root.hidden));
      // Built once and then only hidden: what was typed stays.
      if (!root.hidden) {
        if (!panel) panel = new AccountPanel(root, client, accounts);
        panel.focus();
      }
      show();
    });
    accounts.onChange(show);
    accounts.onTick(show);
    show();
  }

  // The settings

  /** One line of the form: a label, the control, and a hint. */
  function field(id, label, control, ...more) {
    return element("div", { class: "field" }, element("label", { class: "label", for: id, text: label }), control, ...more);
  }

  function stepField() {
    const input = element("input", { id: "volume-step", type: "range", min: STEP.min, max: STEP.max, step: 1 });
    const value = element("output", { for: "volume-step", class: "value" });
    let dragging = false;
    const say = () => {
      const percent = text("percent", { n: input.value });
      setText(value, percent);
      input.setAttribute("aria-valuetext", percent);
      input.style.setProperty("--part", `${((input.value - STEP.min) / (STEP.max - STEP.min)) * 100}%`);
    };
    input.addEventListener("input", () => {
      dragging = true;
      say();
    });
    input.addEventListener("change", () => {
      dragging = false;
      client.setSetting("step", Number(input.value));
    });
    fields.push(({ step }) => {
      if (dragging) return;
      const known = Number.isInteger(step) && step >= STEP.min && step <= STEP.max;
      input.value = known ? step : STEP.standard;
      say();
    });
    return field("volume-step", text("step"), element("div", { class: "row" }, input, value));
  }

  function layoutField() {
    // The host says it by itself: a second choice here would only contradict it.
    if (client.layout !== undefined && client.layout !== null) return null;
    const select = element("select", { id: "layout" });
    for (let index = 0; index < LAYOUTS; index += 1) {
      select.append(element("option", { value: index, text: text(`layout${index}`) }));
    }
    select.addEventListener("change", () => client.setSetting("layout", Number(select.value)));
    fields.push(({ layout }) => {
      select.value = String(Number.isInteger(layout) && layout >= 0 && layout < LAYOUTS ? layout : 0);
    });
    return field("layout", text("layout"), select);
  }

  function deviceField() {
    const select = element("select", { id: "device", "aria-describedby": "device-hint device-problem" });
    const refresh = element("button", { id: "refresh-devices", type: "button", text: text("refresh") });
    const hint = element("p", { id: "device-hint", class: "hint", text: text("deviceHint") });
    const problem = element("p", { id: "device-problem", class: "field-error", role: "status", hidden: true });
    /** What Spotify listed last; null: not asked yet, or not answered. */
    let devices = null;
    let chosen = null;
    let shown = "";
    let timer = null;
    let wasLinked = false;

    function say(message) {
      setText(problem, message);
      problem.hidden = !message;
    }

    function show() {
      const options = [["", text("deviceActive")]];
      for (const { id, name, active } of devices || []) {
        options.push([id, active ? text("deviceIsActive", { name }) : name]);
      }
      if (chosen && !options.some(([id]) => id === chosen.id)) {
        options.push([chosen.id, devices ? text("deviceMissing", { name: chosen.name }) : chosen.name]);
      }
      // An open list must not be rebuilt under the user's hand for nothing.
      const signature = JSON.stringify(options);
      if (signature !== shown) {
        shown = signature;
        select.textContent = "";
        for (const [value, name] of options) select.append(element("option", { value, text: name }));
      }
      select.value = chosen ? chosen.id : "";
    }

    function ask() {
      clearTimeout(timer);
      if (!client.send({ command: "getDevices" })) return;
      refresh.classList.add("busy");
      timer = setTimeout(() => {
        refresh.classList.remove("busy");
        say(text("noAnswer"));
      }, ANSWER_MS);
    }

    function answered() {
      clearTimeout(timer);
      refresh.classList.remove("busy");
    }

    select.addEventListener("change", () => {
      const device = (devices || []).find(({ id }) => id === select.value);
      if (device) chosen = { id: device.id, name: device.name };
      else if (!select.value) chosen = null;
      client.setSetting("device", chosen || undefined);
      show();
    });
    refresh.addEventListener("click", ask);
    client.on("message", (message) => {
      if (message.event !== "devices" || !Array.isArray(message.devices)) return;
      answered();
      // Spotify lists devices that have no id; nothing can be sent to those.
      devices = message.devices
        .filter((one) => one && typeof one.id === "string" && one.id)
        .map(({ id, name, active }) => ({ id, name: typeof name === "string" && name ? name : id, active: active === true }));
      say(devices.length ? "" : text("devicesNone"));
      show();
    });
    accounts.onError(({ command, message }) => {
      if (command !== "getDevices") return;
      answered();
      say(message || text("noAnswer"));
    });
    accounts.onChange(() => {
      const linked = accounts.list.some((one) => one.state === "linked");
      refresh.disabled = !linked;
      if (linked && !wasLinked) ask();
      if (!linked) {
        answered();
        say("");
      }
      wasLinked = linked;
    });
    fields.push(({ device }) => {
      const known = device && typeof device.id === "string" && device.id;
      chosen = known ? { id: device.id, name: typeof device.name === "string" && device.name ? device.name : device.id } : null;
      show();
    });
    refresh.disabled = true;
    show();
    return field("device", text("device"), element("div", { class: "row" }, select, refresh), hint, problem);
  }

  client.on("started", build);
  client.on("settings", showSettings);
  accounts.onChange(build);
})();
