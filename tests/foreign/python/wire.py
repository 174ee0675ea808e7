"""The package's side of the protocol with only Python's standard library: the command line as hosts write it, and the parts
of RFC 6455 that a client needs if it trusts its host."""

import base64
import json
import os
import socket
import struct
import sys
import threading


def end_with_host():
    """Ends this process when its standard input ends: the host has closed it or ended."""
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()


def arguments():
    """Returns port, package UUID, register event and info from the command line."""
    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    return int(given["-port"]), given["-packageUUID"], given["-registerEvent"], json.loads(given["-info"])


class Link:
    """A connection to the host."""

    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            # Without the port, as in many simple implementations.
            f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self.input = self.socket.makefile("rb")
        while self.input.readline() not in (b"\r\n", b""):
            pass

    def frame(self, kind, content, is_last=True):
        """Sends a frame, masked with four zeros."""
        length = len(content)
        head = bytes([(128 if is_last else 0) | kind, 128 | (length if length < 126 else 127)])
        self.socket.sendall(head + (struct.pack(">Q", length) if length >= 126 else b"") + bytes(4) + content)

    def send(self, message):
        """Sends a message."""
        self.frame(1, json.dumps(message).encode())

    def register(self, event, uuid):
        """Registers the package."""
        self.send({"event": event, "uuid": uuid})

    def messages(self):
        """Yields the host's messages until the connection is closed."""
        while head := self.input.read(2):
            length = head[1] & 127
            if length == 126:
                (length,) = struct.unpack(">H", self.input.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.input.read(8))
            content = self.input.read(length)
            kind = head[0] & 15
            if kind == 1:
                yield json.loads(content)
            elif kind == 8:
                return
            elif kind == 9:
                self.frame(10, content)
