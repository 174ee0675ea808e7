/*
 * The kinds of fields in a property view: a number, a choice, a device, the layout, and the actions of long and double presses.
 * The picker for Spotify items is in picker.js, the editor for texts with placeholders in template.js.
 *
 * A kind is a function that takes the field's description from the table in property.js and returns `{ node, show }`: the
 * element, and a function that receives the widget's settings whenever they are loaded or changed. An unknown value of a setting
 * is shown as the default, and is kept until the user changes it.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});
  const { element, setText } = pages.dom;
  const { text } = pages.strings;

  /** After this time without a response, a request to the package has failed (ms). */
  const RESPONSE_TIMEOUT_MS = 10000;

  /** The actions of a long or double press, with their text keys. */
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

  /** Creates a row of the form: a label, the control, and further elements. */
  function field(id, label, ...parts) {
    return element("div", { class: "field" }, element("label", { class: "label", for: id, text: label }), ...parts);
  }

  /** Creates a row of the form with several controls, which get the ARIA role `role`. */
  function group(role, id, label, ...parts) {
    const heading = element("span", { id: `${id}-label`, class: "label", text: label });
    return element("div", { class: "field", role, "aria-labelledby": heading.id }, heading, ...parts);
  }

  /** Creates a hint below a control, if there is a text key for it. */
  function hint(id, key) {
    return key ? [element("p", { id: `${id}-hint`, class: "hint", text: text(key) })] : [];
  }

  /**
   * A whole number, with a slider and a box for exact input: `setting`, `label`, `min`, `max`, `defaultValue`, `unit` (a text
   * with `{n}`), and optionally `hint`.
   */
  function number({ setting, label, min, max, defaultValue, unit, hint: hintKey }) {
    const id = `setting-${setting}`;
    const attributes = { min, max, step: 1, "aria-describedby": hintKey ? `${id}-hint` : undefined };
    const slider = element("input", { id, type: "range", ...attributes });
    const box = element("input", { id: `${id}-box`, type: "number", class: "number", "aria-label": text(label), ...attributes });
    const [before, after] = text(unit, { n: "\n" }).split("\n");
    /** Whether the user is changing the value, so that settings from the host must not overwrite it. */
    let isEditing = false;

    const isValid = (value) => Number.isInteger(value) && value >= min && value <= max;
    const showInSlider = (value) => {
      slider.value = value;
      slider.setAttribute("aria-valuetext", text(unit, { n: value }));
      slider.style.setProperty("--part", `${((value - min) / (max - min)) * 100}%`);
    };
    const store = (value) => {
      isEditing = false;
      showInSlider(value);
      box.value = value;
      pages.client.setSetting(setting, value);
    };

    slider.addEventListener("input", () => {
      isEditing = true;
      showInSlider(Number(slider.value));
      box.value = slider.value;
    });
    slider.addEventListener("change", () => store(Number(slider.value)));
    box.addEventListener("input", () => {
      isEditing = true;
      const value = Number(box.value);
      if (box.value && isValid(value)) showInSlider(value);
    });
    box.addEventListener("change", () => {
      const value = Math.round(Number(box.value));
      store(box.value === "" || !Number.isFinite(value) ? defaultValue : Math.min(max, Math.max(min, value)));
    });
    const unitNodes = (part) =>
      part.trim() ? [element("span", { class: "unit", "aria-hidden": "true", text: part.trim() })] : [];
    const row = element("div", { class: "row" }, slider, ...unitNodes(before), box, ...unitNodes(after));
    return {
      node: field(id, text(label), row, ...hint(id, hintKey)),
      show(settings) {
        if (isEditing) return;
        const value = isValid(settings[setting]) ? settings[setting] : defaultValue;
        showInSlider(value);
        box.value = value;
      },
    };
  }

  /** Creates radio buttons side by side. `options` are pairs of a value and its label; `onChoose` receives the value. */
  function segments(name, options, onChoose, className = "segments") {
    const inputs = options.map(([value, label]) => {
      const input = element("input", { type: "radio", name, value, on: { change: () => onChoose(value) } });
      return [input, element("label", { class: "segment" }, input, element("span", { text: label }))];
    });
    return {
      node: element("div", { class: className }, ...inputs.map(([, label]) => label)),
      set(value) {
        for (const [input] of inputs) input.checked = input.value === value;
      },
    };
  }

  /**
   * A choice between a few values: `setting`, `label`, `options` (the values with their text keys), and optionally `defaultValue`
   * (otherwise the first one) and `hint`.
   */
  function choice({ setting, label, options, defaultValue = Object.keys(options)[0], hint: hintKey }) {
    const id = `setting-${setting}`;
    const radios = segments(
      id,
      Object.entries(options).map(([value, key]) => [value, text(key)]),
      (value) => pages.client.setSetting(setting, value),
    );
    return {
      node: group("radiogroup", id, text(label), radios.node, ...hint(id, hintKey)),
      show: (settings) => radios.set(Object.keys(options).includes(settings[setting]) ? settings[setting] : defaultValue),
    };
  }

  /**
   * A choice from a list: `setting`, `label`, `options` (pairs of a value and its label; the first is the default), and
   * `toSetting`, which converts a value to what is stored.
   */
  function select({ setting, label, options, toSetting = (value) => value }) {
    const id = `setting-${setting}`;
    const control = element("select", { id });
    for (const [value, optionLabel] of options) control.append(element("option", { value, text: optionLabel }));
    control.addEventListener("change", () => pages.client.setSetting(setting, toSetting(control.value)));
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
   * The widget's layout: `layouts` lists the width and height of each, and optionally a text key. Returns null if the host sends
   * the layout, because then the host offers the choice.
   */
  function layout({ layouts }) {
    if (pages.client.layout !== undefined && pages.client.layout !== null) return null;
    const options = layouts.map(([width, height, key], index) => {
      const size = text("layoutSize", { width, height });
      return [index, key ? text("layoutWith", { size, words: text(key) }) : size];
    });
    return select({ setting: "layout", label: "layout", options, toSetting: Number });
  }

  /** Returns the width of an instance in keys, from the host's layout or else from the setting; `layouts` as for `layout`. */
  function columns(layouts, settings) {
    const hostLayout = pages.client.layout;
    if (Number.isInteger(hostLayout?.width)) return hostLayout.width;
    const hostIndex = Number.isInteger(hostLayout) ? hostLayout : hostLayout?.index;
    const index = Number.isInteger(hostIndex) ? hostIndex : settings.layout;
    return (layouts[index] || layouts[0])[0];
  }

  /**
   * A playback device, stored with its id and name: `setting`, `label`, `none` (the text key for no device), `hint`; with
   * `withType`, its type is stored as well.
   */
  function device({ setting, label, none, hint: hintKey, withType }) {
    const id = `setting-${setting}`;
    const { client, accounts } = pages;
    const control = element("select", { id, "aria-describedby": `${id}-hint ${id}-error` });
    const refresh = element("button", { id: `${id}-refresh`, type: "button", text: text("refresh") });
    const errorNode = element("p", { id: `${id}-error`, class: "field-error", role: "status", hidden: true });
    /** Spotify's latest list, or null before the first response. */
    let devices = null;
    let chosen = null;
    let shown = "";
    let timer = null;
    let wasLinked = false;
    /** The account in use when the last request failed; null if it succeeded. */
    let failedWith = null;

    function showError(message) {
      setText(errorNode, message);
      errorNode.hidden = !message;
    }

    function show() {
      const options = [["", text(none)]];
      for (const { id: value, name, active } of devices || []) {
        options.push([value, active ? text("deviceIsActive", { name }) : name]);
      }
      if (chosen && !options.some(([value]) => value === chosen.id)) {
        options.push([chosen.id, devices ? text("deviceMissing", { name: chosen.name }) : chosen.name]);
      }
      // Rebuild the options only if they differ, because the list may be open.
      const signature = JSON.stringify(options);
      if (signature !== shown) {
        shown = signature;
        control.textContent = "";
        for (const [value, name] of options) control.append(element("option", { value, text: name }));
      }
      control.value = chosen ? chosen.id : "";
    }

    function requestDevices() {
      clearTimeout(timer);
      if (!client.send({ command: "getDevices" })) return;
      refresh.classList.add("busy");
      timer = setTimeout(() => {
        refresh.classList.remove("busy");
        showError(text("noAnswer"));
      }, RESPONSE_TIMEOUT_MS);
    }

    function endRequest() {
      clearTimeout(timer);
      refresh.classList.remove("busy");
    }

    function onAccounts() {
      const isLinked = accounts.list.some(({ state }) => state === "linked");
      refresh.disabled = !isLinked;
      // Retry a failed request when another account is in use or a limit has ended.
      if (failedWith !== null && !accounts.servingId) failedWith = "";
      const canRetry = failedWith !== null && accounts.servingId !== failedWith;
      if (isLinked && (!wasLinked || canRetry)) requestDevices();
      if (!isLinked) {
        endRequest();
        showError("");
      }
      wasLinked = isLinked;
    }

    control.addEventListener("change", () => {
      const selected = (devices || []).find(({ id: deviceId }) => deviceId === control.value);
      if (selected) chosen = { id: selected.id, name: selected.name, ...(withType ? { type: selected.type } : {}) };
      else if (!control.value) chosen = null;
      client.setSetting(setting, chosen || undefined);
      show();
    });
    refresh.addEventListener("click", requestDevices);
    client.on("message", (message) => {
      if (message.event !== "devices" || !Array.isArray(message.devices)) return;
      endRequest();
      failedWith = null;
      // Spotify also lists devices without an id, which can't be controlled.
      devices = message.devices
        .filter((item) => item && typeof item.id === "string" && item.id)
        .map((item) => ({
          id: item.id,
          name: typeof item.name === "string" && item.name ? item.name : item.id,
          type: typeof item.type === "string" ? item.type : "",
          active: item.active === true,
        }));
      showError(devices.length ? "" : text("devicesNone"));
      show();
    });
    accounts.onError(({ command, message }) => {
      if (command !== "getDevices") return;
      endRequest();
      failedWith = accounts.servingId;
      showError(message || text("noAnswer"));
    });
    accounts.onChange(onAccounts);
    onAccounts();
    return {
      node: field(id, text(label), element("div", { class: "row" }, control, refresh), ...hint(id, hintKey), errorNode),
      show(settings) {
        const value = settings[setting];
        const isValid = value && typeof value.id === "string" && value.id;
        chosen = isValid ? { ...value, name: typeof value.name === "string" && value.name ? value.name : value.id } : null;
        show();
      },
    };
  }

  /** The actions of long and double presses. `repeats`: the widget repeats its own action while the key is held. */
  function presses({ repeats }) {
    const options = [["", text("actionNone")], ...ACTIONS.map(([value, key]) => [value, text(key)])];
    // The default is stored as no setting.
    const toSetting = (value) => value || undefined;
    const selects = [
      select({ setting: "longPress", label: "longPress", options, toSetting }),
      select({ setting: "doublePress", label: "doublePress", options, toSetting }),
    ];
    const summary = element("summary", { text: text("morePresses") });
    const chosen = element("span", { class: "hint" });
    summary.append(" ", chosen);
    const node = element(
      "details",
      { class: "presses" },
      summary,
      element("div", { class: "pair" }, ...selects.map(({ node: selectNode }) => selectNode)),
      ...hint("presses", repeats ? "morePressesRepeat" : "morePressesHint"),
    );
    const actionKeys = new Map(ACTIONS);
    return {
      node,
      show(settings) {
        for (const field of selects) field.show(settings);
        // The summary shows what is set while the details are closed.
        const set = ["longPress", "doublePress"]
          .filter((name) => actionKeys.has(settings[name]))
          .map((name) => text("pressDoes", { press: text(name), action: text(actionKeys.get(settings[name])) }));
        setText(chosen, set.join(" · "));
      },
    };
  }

  pages.fields = { RESPONSE_TIMEOUT_MS, group, segments, number, choice, layout, columns, device, presses };
})();
