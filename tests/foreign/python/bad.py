#!/usr/bin/python3
"""A package that misbehaves, in the way that the file `mode` beside it names. Each mode has one way of its own and is
otherwise as patient as its host wants it."""

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


def say(link, line):
    link.send({"event": "sendLog", "payload": {"message": line}})


def registered():
    link = Link(port)
    link.register(event, uuid)
    return link


def wait_for_ever(link):
    for _ in link.messages():
        pass
    # The host has closed: who comes back at once is another kind of package.
    while True:
        time.sleep(3600)


if mode == "flood":
    link = registered()
    while True:
        link.send({"event": "changeTitle", "context": "nobody", "payload": {"title": "x"}})
elif mode == "pings":
    link = registered()
    threading.Thread(target=lambda: list(link.messages()), daemon=True).start()
    while True:
        link.frame(9, b"")
elif mode == "huge":
    link = registered()
    try:
        link.frame(1, b'{"event":"sendLog","payload":{"message":"' + b"x" * (50 << 20) + b'"}}')
    except OSError:
        pass
    wait_for_ever(link)
elif mode == "deaf":
    link = registered()
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
    link = registered()
    say(link, f"process {os.getpid()}")
    # Not told to end, nor by a closed socket; but nobody shall have to look for it after a test that failed.
    time.sleep(120)
elif mode == "family":
    link = registered()
    say(link, f"process {subprocess.Popen(['sleep', '3600']).pid}")
    wait_for_ever(link)
elif mode == "babble":
    for _ in range(30):
        sys.stdout.write("x" * (1 << 20))
    sys.stdout.flush()
    wait_for_ever(registered())
elif mode == "thief":
    link = Link(port)
    link.register(event, "com.example.javascript")
    list(link.messages())
    wait_for_ever(registered())
elif mode == "twice":
    first = registered()
    # It is in, for it is answered.
    first.send({"event": "getPackageSettings"})
    next(first.messages())
    second = registered()
    list(first.messages())
    say(second, "the first one is closed")
    wait_for_ever(second)
elif mode == "restless":
    while True:
        try:
            link = registered()
            link.send({"event": "getPackageSettings"})
            # It is in, for it is answered.
            next(link.messages(), None)
            link.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            time.sleep(1)
elif mode == "garbage":
    link = registered()
    for n in range(500):
        link.frame(1, b"\x00garbage" if n % 2 else b'{"event":%d}' % n)
        link.frame(2, os.urandom(64))
    say(link, "all of it is said")
    wait_for_ever(link)
