"""Others who talk: ``python -m tests.system.terminal.flood PORT ROOM RATE COUNT KIND`` sends numbered messages.

A process of its own, so that the test's own work does not slow it down.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
TINY = ("漢", "ok", "😀", "é")  # with its time and name, 28 columns
SHORT = ("hello", "漢字 wide", f"{FAMILY} ❤\ufe0f", "Zürich\nline 2", "e\u0301 🇨🇭")
LONG = ("x" * 3000, "https://example.org/" + "path/" * 300, "漢" * 900, "four\nlines\nare\nhere", f"{FAMILY} " * 100)


def message(number: int, kind: str) -> str:
    """Return message ``number``: its number at both ends."""
    payloads = LONG if kind == "long" and number % 20 == 0 else TINY if kind == "tiny" else SHORT
    turn = number // 20 if payloads is LONG else number
    return f"<{number:06d} {payloads[turn % len(payloads)]} {number:06d}>"


def flood(port: int, room: str, rate: float, count: int, kind: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(json.dumps({"type": "hello", "v": 1, "nick": "fl", "room": room, "mode": "post"}).encode() + b"\n")
        sent, began = 0, time.monotonic()
        while sent < count:
            due = min(count, int((time.monotonic() - began) * rate) + 1)
            says = [json.dumps({"type": "say", "text": message(number, kind)}) + "\n" for number in range(sent, due)]
            sock.sendall("".join(says).encode())
            sent = due
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while sock.recv(65536):
                    pass
            sock.setblocking(True)
            time.sleep(min(1 / rate, 0.005))
        sock.sendall(b'{"type":"bye"}\n')
        while sock.recv(65536):
            pass


if __name__ == "__main__":
    flood(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
