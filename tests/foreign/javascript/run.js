#!/usr/bin/env node
// Runs package.js as a program: reads the command line as hosts write it, and lends the script a WebSocket that is no
// more than RFC 6455 asks of a client that trusts its host. Needs nothing but Node itself.

const net = require("node:net");
const { randomBytes } = require("node:crypto");

globalThis.WebSocket = class {
  constructor(url) {
    const { hostname, port } = new URL(url);
    const key = randomBytes(16).toString("base64");
    this.socket = net.connect({ host: hostname, port, autoSelectFamily: true });
    this.socket.write(
      `GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    this.received = Buffer.alloc(0);
    this.isOpen = false;
    this.socket.on("data", (data) => this.take(data));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.onclose?.());
  }

  take(data) {
    this.received = Buffer.concat([this.received, data]);
    if (!this.isOpen) {
      const end = this.received.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.received = this.received.subarray(end + 4);
      this.isOpen = true;
      this.onopen?.();
    }
    for (let frame = this.frame(); frame; frame = this.frame()) {
      if (frame.kind === 1) this.onmessage?.({ data: frame.content.toString() });
      if (frame.kind === 8) this.socket.end();
      if (frame.kind === 9) this.write(10, frame.content);
    }
  }

  // Hosts send whole messages, unmasked.
  frame() {
    const all = this.received;
    if (all.length < 2) return null;
    let [length, at] = [all[1] & 127, 2];
    if (length === 126) [length, at] = [all.length < 4 ? Infinity : all.readUInt16BE(2), 4];
    else if (length === 127) [length, at] = [all.length < 10 ? Infinity : Number(all.readBigUInt64BE(2)), 10];
    if (all.length < at + length) return null;
    this.received = all.subarray(at + length);
    return { kind: all[0] & 15, content: all.subarray(at, at + length) };
  }

  write(kind, content, isLast = true) {
    const mask = randomBytes(4);
    const head = Buffer.alloc(content.length < 126 ? 2 : 10);
    head[0] = (isLast ? 128 : 0) | kind;
    head[1] = 128 | (content.length < 126 ? content.length : 127);
    if (content.length >= 126) head.writeBigUInt64BE(BigInt(content.length), 2);
    this.socket.write(Buffer.concat([head, mask, Buffer.from(content).map((byte, n) => byte ^ mask[n % 4])]));
  }

  send(data) {
    this.write(typeof data === "string" ? 1 : 2, Buffer.from(data));
  }

  // What no page can do, and the protocol allows: a message in three frames, cut within characters if it has to be.
  sendInParts(text) {
    const content = Buffer.from(text);
    const third = Math.ceil(content.length / 3);
    this.write(1, content.subarray(0, third), false);
    this.write(0, content.subarray(third, 2 * third), false);
    this.write(9, Buffer.from("between"));
    this.write(0, content.subarray(2 * third));
  }

  close() {
    this.socket.destroy();
  }
};

const named = (name) => process.argv[process.argv.indexOf(name) + 1];
const { connectCreatorCentral } = require("./package.js");
connectCreatorCentral(Number(named("-port")), named("-packageUUID"), named("-registerEvent"), JSON.parse(named("-info")));
// The host is gone, or wants the package to end.
process.stdin.resume().on("end", () => process.exit(0));
