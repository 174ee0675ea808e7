/**
 * What the page knows, and who wants to hear of a change. The server is the only source of packages and instances, and
 * the events socket the only way in: an answer to an HTTP call may be older than an event that overtook it.
 */

/**
 * Topics, with what the handler is given:
 * - `packages`: nothing; packages, or their status, changed
 * - `instances`: nothing; the Panel was replaced as a whole
 * - `instance`: the context of a new or changed instance
 * - `instanceRemoved`: the instance that is gone
 * - `selection`: nothing; another instance, or none, is selected
 */
export class Store {
  /** False until the server has sent its state for the first time. */
  ready = false;
  application = null;
  packages = [];
  panel = { columns: 5, rows: 4 };
  /** @type {Map<string, object>} by context, in the order of the server */
  instances = new Map();

  #selected = null;
  #layouts = new Map();
  #handlers = new Map();

  /** Calls `handler` at each change of a topic. */
  on(topic, handler) {
    if (!this.#handlers.has(topic)) this.#handlers.set(topic, []);
    this.#handlers.get(topic).push(handler);
  }

  #emit(topic, value) {
    for (const handler of this.#handlers.get(topic) ?? []) handler(value);
  }

  /** Takes one event of the server; true if it was about state, false if it is someone else's. */
  apply(message) {
    switch (message.type) {
      case 'state':
        this.#replace(message.state);
        return true;
      case 'packages':
        this.packages = message.packages;
        this.#emit('packages');
        return true;
      case 'instance':
        this.instances.set(message.instance.context, message.instance);
        this.#emit('instance', message.instance.context);
        return true;
      case 'instanceRemoved':
        this.#remove(message.context);
        return true;
      default:
        return false;
    }
  }

  #replace(state) {
    this.ready = true;
    this.application = state.application;
    this.packages = state.packages;
    this.panel = state.panel;
    this.instances = new Map(state.instances.map((instance) => [instance.context, instance]));
    this.#emit('packages');
    this.#emit('instances');
    if (this.#selected && !this.instances.has(this.#selected)) this.select(null);
  }

  #remove(context) {
    const instance = this.instances.get(context);
    if (!instance) return;
    this.instances.delete(context);
    this.#emit('instanceRemoved', instance);
    if (this.#selected === context) this.select(null);
  }

  /** The context of the selected instance, or null. The instance itself may still be on its way from the server. */
  get selected() {
    return this.#selected;
  }

  select(context) {
    if (this.#selected === context) return;
    this.#selected = context;
    this.#emit('selection');
  }

  /** The package with this UUID, or undefined. */
  package(uuid) {
    return this.packages.find((candidate) => candidate.uuid === uuid);
  }

  /** The widget of an instance, or undefined while its package isn't there. */
  widgetOf(instance) {
    return this.package(instance.package)?.widgets.find((widget) => widget.uuid === instance.widget);
  }

  /** Index of the layout in which a widget is placed next; the first until the user chooses another. */
  layoutIndex(widget) {
    const index = this.#layouts.get(widget.uuid) ?? 0;
    return index < widget.layouts.length ? index : 0;
  }

  chooseLayout(widget, index) {
    this.#layouts.set(widget.uuid, index);
  }
}
