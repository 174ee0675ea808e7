/*
 * The kinds of settings that a property view is made of: a number, a choice, a device, the layout, and what else a press can
 * do. What is chosen from Spotify has its own file (picker.js), as has the text with fields (template.js).
 *
 * A kind is a function that takes the field's description from the table in property.js and gives `{ node, show }`: the
 * element, and a function that takes the widget's settings whenever they come or change. What a setting holds that the
 * field doesn't know shows as the default, and stays as it is until the user changes it.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText } = pages.dom;
  const { text } = pages.strings;

  /** After so long a question to the package counts as unanswered (ms). */
  const ANSWER_MS = 10000;

  /** What a long or a double press can do besides nothing, with the names of its words. */
  const ACTIONS = [
    ["play-pause", "actionPlayPause"],
    ["next", "actionNext"],
    ["previous", "actionPrevious"],
    ["restart", "actionRestart"],
    ["like", "actionLike"],
    ["shuffle", "actionShuffle"],
    ["mute", "actionMute"],
    ["next-device", "actionNextDevice"],
    ["open", "actionOpen"],
    ["switch-account", "actionSwitchAccount"],
  ];

  /** One line of the form: a label, the control, and what else belongs to it. */
  function field(id, label, ...parts) {
    return element("div", { class: "field" }, element("label", { class: "label", for: id, text: label }), ...parts);
  }

  /** A line of the form whose control consists of several; `role` says of what kind. */
  function group(role, id, label, ...parts) {
    const heading = element("span", { id: `${id}-label`, class: "label", text: label });
    return element("div", { class: "field", role, "aria-labelledby": heading.id }, heading, ...parts);
  }

  /** A hint below a control, where there is something to say. */
  function hint(id, name) {
    return name ? [element("p", { id: `${id}-hint`, class: "hint", text: text(name) })] : [];
  }

  /**
   * A whole number: `setting`, `label`, `min`, `max`, `standard` (the default), `unit` (the text with its `{n}`) and perhaps
   * `hint`. A slider to find it, a box to type it exactly.
   */
  function number({ setting, label, min, max, standard, unit, hint: hintName }) {
    const id = `setting-${setting}`;
    const more = { min, max, step: 1, "aria-describedby": hintName ? `${id}-hint` : undefined };
    const slider = element("input", { id, type: "range", ...more });
    const box = element("input", { id: `${id}-box`, type: "number", class: "number", "aria-label": text(label), ...more });
    const [before, after] = text(unit, { n: "\n" }).split("\n");
    /** The user is at it: what the host reports meanwhile must not move it away. */
    let busy = false;

    const known = (value) => Number.isInteger(value) && value >= min && value <= max;
    const say = (value) => {
      slider.value = value;
      slider.setAttribute("aria-valuetext", text(unit, { n: value }));
      slider.style.setProperty("--part", `${((value - min) / (max - min)) * 100}%`);
    };
    const store = (value) => {
      busy = false;
      say(value);
      box.value = value;
      pages.client.setSetting(setting, value);
    };

    slider.addEventListener("input", () => {
      busy = true;
      say(Number(slider.value));
      box.value = slider.value;
    });
    slider.addEventListener("change", () => store(Number(slider.value)));
    box.addEventListener("input", () => {
      busy = true;
      const value = Number(box.value);
      if (box.value && known(value)) say(value);
    });
    box.addEventListener("change", () => {
      const value = Math.round(Number(box.value));
      store(box.value === "" || !Number.isFinite(value) ? standard : Math.min(max, Math.max(min, value)));
    });
    const units = (words) =>
      words.trim() ? [element("span", { class: "unit", "aria-hidden": "true", text: words.trim() })] : [];
    const row = element("div", { class: "row" }, slider, ...units(before), box, ...units(after));
    return {
      node: field(id, text(label), row, ...hint(id, hintName)),
      show(settings) {
        if (busy) return;
        const value = known(settings[setting]) ? settings[setting] : standard;
        say(value);
        box.value = value;
      },
    };
  }

  /** Radio buttons side by side. `options` are pairs of a value and its words; `choose` gets the value. */
  function segments(name, options, choose, className = "segments") {
    const inputs = options.map(([value, words]) => {
      const input = element("input", { type: "radio", name, value, on: { change: () => choose(value) } });
      return [input, element("label", { class: "segment" }, input, element("span", { text: words }))];
    });
    return {
      node: element("div", { class: className }, ...inputs.map(([, label]) => label)),
      set(value) {
        for (const [input] of inputs) input.checked = input.value === value;
      },
    };
  }

  /**
   * One of a few: `setting`, `label`, `options` (the values with the names of their words), `standard` (the default; without
   * it the first one is).
   */
  function choice({ setting, label, options, standard = Object.keys(options)[0], hint: hintName }) {
    const id = `setting-${setting}`;
    const radios = segments(
      id,
      Object.entries(options).map(([value, name]) => [value, text(name)]),
      (value) => pages.client.setSetting(setting, value),
    );
    return {
      node: group("radiogroup", id, text(label), radios.node, ...hint(id, hintName)),
      show: (settings) => radios.set(Object.keys(options).includes(settings[setting]) ? settings[setting] : standard),
    };
  }

  /** One of many, in a list: `setting`, `label`, `options` (pairs of a value and its words; the first is the default). */
  function select({ setting, label, options, store = (value) => value }) {
    const id = `setting-${setting}`;
    const control = element("select", { id });
    for (const [value, words] of options) control.append(element("option", { value, text: words }));
    control.addEventListener("change", () => pages.client.setSetting(setting, store(control.value)));
    const values = options.map(([value]) => String(value));
    return {
      node: field(id, text(label), control),
      show(settings) {
        const value = String(settings[setting] ?? "");
        control.value = values.includes(value) ? value : values[0];
      },
    };
  }

  /**
   * Which of the widget's layouts: `layouts` lists their width, height and perhaps the name of words about them. None where
   * the host says it by itself: a second choice here would only contradict it.
   */
  function layout({ layouts }) {
    if (pages.client.layout !== undefined && pages.client.layout !== null) return null;
    const options = layouts.map(([width, height, words], index) => {
      const size = text("layoutSize", { width, height });
      return [index, words ? text("layoutWith", { size, words: text(words) }) : size];
    });
    return select({ setting: "layout", label: "layout", options, store: Number });
  }

  /** How many keys an instance is wide: as the host says, else as its setting says; `layouts` as for [`layout`]. */
  function columns(layouts, settings) {
    const told = pages.client.layout;
    if (Number.isInteger(told?.width)) return told.width;
    const index = Number.isInteger(told) ? told : Number.isInteger(told?.index) ? told.index : settings.layout;
    return (layouts[index] || layouts[0])[0];
  }

  /**
   * A playback device, kept with its id and name: `setting`, `label`, `none` (the words for no device), `hint`; `withType`
   * keeps its kind too.
   */
  function device({ setting, label, none, hint: hintName, withType }) {
    const id = `setting-${setting}`;
    const { client, accounts } = pages;
    const control = element("select", { id, "aria-describedby": `${id}-hint ${id}-problem` });
    const refresh = element("button", { id: `${id}-refresh`, type: "button", text: text("refresh") });
    const problem = element("p", { id: `${id}-problem`, class: "field-error", role: "status", hidden: true });
    /** What Spotify listed last; null: not asked yet, or not answered. */
    let devices = null;
    let chosen = null;
    let shown = "";
    let timer = null;
    let wasLinked = false;
    /** Who served when the last question failed; null: it did not. */
    let failedWith = null;

    function say(message) {
      setText(problem, message);
      problem.hidden = !message;
    }

    function show() {
      const options = [["", text(none)]];
      for (const { id: value, name, active } of devices || []) {
        options.push([value, active ? text("deviceIsActive", { name }) : name]);
      }
      if (chosen && !options.some(([value]) => value === chosen.id)) {
        options.push([chosen.id, devices ? text("deviceMissing", { name: chosen.name }) : chosen.name]);
      }
      // An open list must not be rebuilt under the user's hand for nothing.
      const signature = JSON.stringify(options);
      if (signature !== shown) {
        shown = signature;
        control.textContent = "";
        for (const [value, name] of options) control.append(element("option", { value, text: name }));
      }
      control.value = chosen ? chosen.id : "";
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

    function lookAtAccounts() {
      const linked = accounts.list.some((one) => one.state === "linked");
      refresh.disabled = !linked;
      // A failure goes with its reason: another account serves now, or the wait is over.
      if (failedWith !== null && !accounts.serving) failedWith = "";
      const servedAgain = failedWith !== null && accounts.serving !== failedWith;
      if (linked && (!wasLinked || servedAgain)) ask();
      if (!linked) {
        answered();
        say("");
      }
      wasLinked = linked;
    }

    control.addEventListener("change", () => {
      const found = (devices || []).find((one) => one.id === control.value);
      if (found) chosen = { id: found.id, name: found.name, ...(withType ? { type: found.type } : {}) };
      else if (!control.value) chosen = null;
      client.setSetting(setting, chosen || undefined);
      show();
    });
    refresh.addEventListener("click", ask);
    client.on("message", (message) => {
      if (message.event !== "devices" || !Array.isArray(message.devices)) return;
      answered();
      failedWith = null;
      // Spotify lists devices that have no id; nothing can be sent to those.
      devices = message.devices
        .filter((one) => one && typeof one.id === "string" && one.id)
        .map((one) => ({
          id: one.id,
          name: typeof one.name === "string" && one.name ? one.name : one.id,
          type: typeof one.type === "string" ? one.type : "",
          active: one.active === true,
        }));
      say(devices.length ? "" : text("devicesNone"));
      show();
    });
    accounts.onError(({ command, message }) => {
      if (command !== "getDevices") return;
      answered();
      failedWith = accounts.serving;
      say(message || text("noAnswer"));
    });
    accounts.onChange(lookAtAccounts);
    lookAtAccounts();
    return {
      node: field(id, text(label), element("div", { class: "row" }, control, refresh), ...hint(id, hintName), problem),
      show(settings) {
        const value = settings[setting];
        const known = value && typeof value.id === "string" && value.id;
        chosen = known ? { ...value, name: typeof value.name === "string" && value.name ? value.name : value.id } : null;
        show();
      },
    };
  }

  /** What a long and a double press do beside the widget's own press. `repeats`: the widget repeats while it is held. */
  function presses({ repeats }) {
    const options = [["", text("actionNone")], ...ACTIONS.map(([value, name]) => [value, text(name)])];
    // The default is no setting at all.
    const store = (value) => value || undefined;
    const fields = [
      select({ setting: "longPress", label: "longPress", options, store }),
      select({ setting: "doublePress", label: "doublePress", options, store }),
    ];
    const summary = element("summary", { text: text("morePresses") });
    const chosen = element("span", { class: "hint" });
    summary.append(" ", chosen);
    const node = element(
      "details",
      { class: "presses" },
      summary,
      element("div", { class: "pair" }, ...fields.map((one) => one.node)),
      ...hint("presses", repeats ? "morePressesRepeat" : "morePressesHint"),
    );
    const words = new Map(ACTIONS);
    return {
      node,
      show(settings) {
        for (const one of fields) one.show(settings);
        // Closed it says by itself that something is set.
        const set = ["longPress", "doublePress"]
          .filter((name) => words.has(settings[name]))
          .map((name) => text("pressDoes", { press: text(name), action: text(words.get(settings[name])) }));
        setText(chosen, set.join(" · "));
      },
    };
  }

  pages.fields = { ANSWER_MS, group, segments, number, choice, layout, columns, device, presses };
})();
