// A sample package as a page's script: it uses only the browser's WebSocket and JSON, and the host calls its global function
// `connectCreatorCentral`. It is tested in a page (a `web` package) and as a program, for which `run.js` provides a WebSocket.
//
// It shows the host's language, switches its state when it is pressed, and executes commands of a property view: the text
// "say", followed by frames in hexadecimal, so that a test controls every byte that is sent.

let socket = null;

function send(message) {
  socket.send(JSON.stringify(message));
}

const handlers = {
  widgetWillAppear({ widget, context }, info) {
    send({ event: "changeTitle", widget, context, payload: { title: `JavaScript ${info.language}`, state: 0 } });
  },
  actionTriggered({ widget, context, payload }) {
    // A widget with only one state receives no state.
    if (payload?.state !== undefined) send({ event: "changeState", widget, context, payload: { state: 1 - payload.state } });
  },
  sendToPackage({ payload }) {
    if (typeof payload === "string" && payload.startsWith("say ")) payload.slice(4).split(" ").forEach(execute);
  },
};

function execute(command) {
  const bytes = Uint8Array.from(command.slice(1).match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const text = () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (command[0] === "t") socket.send(text());
  if (command[0] === "f") (socket.sendFragmented ?? socket.send).call(socket, text());
  if (command[0] === "b") socket.send(bytes);
  if (command[0] === "d") socket.close();
}

const connectCreatorCentral = (port, uuid, event, info) => {
  socket = new WebSocket(`ws://localhost:${port}`);
  socket.onopen = () => send({ event, uuid });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    handlers[message.event]?.(message, info);
  };
  // The samples wait 5 s here, which is too long for a test.
  socket.onclose = () => setTimeout(() => connectCreatorCentral(port, uuid, event, info), 50);
};

if (typeof module !== "undefined") module.exports = { connectCreatorCentral };
