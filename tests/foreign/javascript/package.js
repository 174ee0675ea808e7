// A sample package as a page's script: it knows nothing but the browser's WebSocket and JSON, and is called by the
// host through the global `connectCreatorCentral`. It is tried in a page (a `web` package), and as a program, where
// `run.js` lends it a WebSocket.
//
// It greets with the host's language, switches its state when it is pressed, and obeys what a property view orders:
// a text "say" with frames in hexadecimal, so that a test decides what goes over the wire to the last byte.

let link = null;

function send(message) {
  link.send(JSON.stringify(message));
}

const answers = {
  widgetWillAppear({ widget, context }, info) {
    send({ event: "changeTitle", widget, context, payload: { title: `JavaScript ${info.language}`, state: 0 } });
  },
  actionTriggered({ widget, context, payload }) {
    // A widget with one state is told none.
    if (payload?.state !== undefined) send({ event: "changeState", widget, context, payload: { state: 1 - payload.state } });
  },
  sendToPackage({ payload }) {
    if (typeof payload === "string" && payload.startsWith("say ")) payload.slice(4).split(" ").forEach(obey);
  },
};

function obey(order) {
  const bytes = Uint8Array.from(order.slice(1).match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const text = () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (order[0] === "t") link.send(text());
  if (order[0] === "f") (link.sendInParts ?? link.send).call(link, text());
  if (order[0] === "b") link.send(bytes);
  if (order[0] === "d") link.close();
}

const connectCreatorCentral = (port, uuid, event, info) => {
  link = new WebSocket(`ws://localhost:${port}`);
  link.onopen = () => send({ event, uuid });
  link.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    answers[message.event]?.(message, info);
  };
  // Samples wait 5 s here; a test has no time for that.
  link.onclose = () => setTimeout(() => connectCreatorCentral(port, uuid, event, info), 50);
};

if (typeof module !== "undefined") module.exports = { connectCreatorCentral };
