#!/usr/bin/env node
// Runs package.js as a program: parses the command line that hosts pass, and provides the script with a WebSocket that implements
// only what RFC 6455 requires of a client that trusts its host. Needs only Node itself.

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
    this.socket.on("data", (data) => this.onData(data));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.onclose?.());
  }

  onData(data) {
    this.received = Buffer.concat([this.received, data]);
    if (!this.isOpen) {
      const end = this.received.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.received = this.received.subarray(end + 4);
      this.isOpen = true;
      this.onopen?.();
    }
    for (let frame = this.nextFrame(); frame; frame = this.nextFrame()) {
      if (frame.opcode === 1) this.onmessage?.({ data: frame.content.toString() });
      if (frame.opcode === 8) this.socket.end();
      if (frame.opcode === 9) this.write(10, frame.content);
    }
  }

  // Returns the next complete frame, or null. Hosts send messages unfragmented and unmasked.
  nextFrame() {
    const buffer = this.received;
    if (buffer.length < 2) return null;
    let [length, start] = [buffer[1] & 127, 2];
    if (length === 126) [length, start] = [buffer.length < 4 ? Infinity : buffer.readUInt16BE(2), 4];
    else if (length === 127) [length, start] = [buffer.length < 10 ? Infinity : Number(buffer.readBigUInt64BE(2)), 10];
    if (buffer.length < start + length) return null;
    this.received = buffer.subarray(start + length);
    return { opcode: buffer[0] & 15, content: buffer.subarray(start, start + length) };
  }

  write(opcode, content, isFinal = true) {
    const mask = randomBytes(4);
    const header = Buffer.alloc(content.length < 126 ? 2 : 10);
    header[0] = (isFinal ? 128 : 0) | opcode;
    header[1] = 128 | (content.length < 126 ? content.length : 127);
    if (content.length >= 126) header.writeBigUInt64BE(BigInt(content.length), 2);
    this.socket.write(Buffer.concat([header, mask, Buffer.from(content).map((byte, n) => byte ^ mask[n % 4])]));
  }

  send(data) {
    this.write(typeof data === "string" ? 1 : 2, Buffer.from(data));
  }

  // Sends a message in three fragments, possibly split within characters, which the protocol allows but pages can't do.
  sendFragmented(text) {
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

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const { connectCreatorCentral } = require("./package.js");
connectCreatorCentral(Number(argument("-port")), argument("-packageUUID"), argument("-registerEvent"), JSON.parse(argument("-info")));
// The host has exited, or asks the package to exit.
process.stdin.resume().on("end", () => process.exit(0));
