#!/usr/bin/python3
"""A sample package in Python. It greets with the host's language, switches its state when it is pressed, and executes the
orders of its property view: a text "say" with frames in hexadecimal, so that a test controls what is sent."""

import time

from wire import Link, arguments, end_with_host


def greet(link, message, info):
    title = {"title": f"Python {info['application']['language']}", "state": 0}
    link.send({"event": "changeTitle", "context": message["context"], "payload": title})


def switch(link, message, info):
    state = message.get("payload", {}).get("state")
    if state is not None:
        link.send({"event": "changeState", "context": message["context"], "payload": {"state": 1 - state}})


def obey(link, message, info):
    payload = message.get("payload")
    if not isinstance(payload, str) or not payload.startswith("say "):
        return
    for order in payload.split(" ")[1:]:
        content = bytes.fromhex(order[1:])
        if order[0] == "t":
            link.frame(1, content)
        elif order[0] == "f":
            third = -(-len(content) // 3)
            link.frame(1, content[:third], is_last=False)
            link.frame(0, content[third : 2 * third], is_last=False)
            link.frame(9, b"between")
            link.frame(0, content[2 * third :])
        elif order[0] == "b":
            link.frame(2, content)
        elif order[0] == "d":
            link.socket.close()
            raise ConnectionError


ANSWERS = {"widgetWillAppear": greet, "actionTriggered": switch, "sendToPackage": obey}


def main():
    port, uuid, event, info = arguments()
    end_with_host()
    while True:
        try:
            link = Link(port)
            link.register(event, uuid)
            for message in link.messages():
                ANSWERS.get(message["event"], lambda *_: None)(link, message, info)
        except OSError:
            pass
        # The vendor's samples wait 5 s here, which is too long for a test.
        time.sleep(0.05)


main()
