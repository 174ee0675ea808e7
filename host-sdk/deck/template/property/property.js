// The property view's script. Settings belong to the key: the host stores them and sends them to the package and to this page.

"use strict";

/** Called by the host when the page has loaded. Some hosts pass the last two arguments as JSON text. */
function connectCreatorCentral(port, uuid, registerEvent, info, widgetInfo) {
  const { context, widget, payload } = typeof widgetInfo === "string" ? JSON.parse(widgetInfo) : widgetInfo;
  const colour = document.getElementById("colour");
  let settings = payload?.settings ?? {};

  const show = () => {
    if (settings.colour) colour.value = settings.colour;
  };
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  socket.addEventListener("open", () => socket.send(JSON.stringify({ event: registerEvent, uuid })));
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data);
    if (message.event !== "didReceiveWidgetSettings") return;
    settings = message.payload ?? {};
    show();
  });
  colour.addEventListener("change", () => {
    settings = { ...settings, colour: colour.value };
    socket.send(JSON.stringify({ event: "setWidgetSettings", widget, context, payload: settings }));
  });
  show();
}
