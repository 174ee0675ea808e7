#!/usr/bin/python3
"""A package that misbehaves in the way that the file `mode` in its folder names, and otherwise follows the protocol."""

import os
import socket
import subprocess
import sys
import threading
import time

from wire import Link, arguments, end_with_host

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "mode")) as file:
    mode = file.read()
if mode == "die":
    sys.exit("nothing works")

port, uuid, event, info = arguments()
if mode != "hang":
    end_with_host()


def log(link, line):
    link.send({"event": "sendLog", "payload": {"message": line}})


def connect():
    link = Link(port)
    link.register(event, uuid)
    return link


def wait_forever(link):
    for _ in link.messages():
        pass
    # The host has closed the socket. Only the mode `restless` connects again at once.
    while True:
        time.sleep(3600)


if mode == "flood":
    link = connect()
    while True:
        link.send({"event": "changeTitle", "context": "unknown", "payload": {"title": "x"}})
elif mode == "pings":
    link = connect()
    threading.Thread(target=lambda: list(link.messages()), daemon=True).start()
    while True:
        link.frame(9, b"")
elif mode == "huge":
    link = connect()
    try:
        link.frame(1, b'{"event":"sendLog","payload":{"message":"' + b"x" * (50 << 20) + b'"}}')
    except OSError:
        pass
    wait_forever(link)
elif mode == "deaf":
    link = connect()
    link.send({"event": "setPackageSettings", "payload": {"settings": {"large": "x" * 1_000_000}}})
    try:
        for _ in range(80):
            link.send({"event": "getPackageSettings"})
        while True:
            time.sleep(3600)
    except OSError:
        time.sleep(3600)
elif mode == "hang":
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link = connect()
    log(link, f"process {os.getpid()}")
    # It ignores SIGTERM and a closed socket, but ends after a failed test.
    time.sleep(120)
elif mode == "family":
    link = connect()
    log(link, f"process {subprocess.Popen(['sleep', '3600']).pid}")
    wait_forever(link)
elif mode == "babble":
    for _ in range(30):
        sys.stdout.write("x" * (1 << 20))
    sys.stdout.flush()
    wait_forever(connect())
elif mode == "thief":
    link = Link(port)
    link.register(event, "com.example.javascript")
    list(link.messages())
    wait_forever(connect())
elif mode == "twice":
    first = connect()
    # The answer shows that it is registered.
    first.send({"event": "getPackageSettings"})
    next(first.messages())
    second = connect()
    list(first.messages())
    log(second, "the first one is closed")
    wait_forever(second)
elif mode == "restless":
    while True:
        try:
            link = connect()
            link.send({"event": "getPackageSettings"})
            # The answer shows that it is registered.
            next(link.messages(), None)
            link.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            time.sleep(1)
elif mode == "garbage":
    link = connect()
    for n in range(500):
        link.frame(1, b"\x00garbage" if n % 2 else b'{"event":%d}' % n)
        link.frame(2, os.urandom(64))
    log(link, "all of it is said")
    wait_forever(link)
