"""Servers that are not to be trusted: each puts every naughty string wherever a server's words may go."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable

from tests.support.environment import DEADLINE
from tests.support.naughty import NAUGHTY
from tests.support.scripted_peer import Peer
from tests.support.stub import Stub

STRINGS = list(NAUGHTY.values())
SAYABLE = [text for text in STRINGS if text.strip()]
EVIL = "".join(SAYABLE)
HARMLESS = [NAUGHTY[name] for name in ("emoji", "scripts", "rtl", "persian")]


class Talker(Peer):
    """The end of a server that writes JSON as chatctl does."""

    def send(self, **frame: object) -> None:
        """Send a frame."""
        self.sock.sendall(json.dumps(frame, separators=(",", ":")).encode() + b"\n")


class Rogue(Stub):
    """A server that does what a function says, with each connection at the same time."""

    def __init__(self, handle: Callable[[Peer], None]) -> None:
        self._threads: list[threading.Thread] = []

        def run(sock: socket.socket) -> None:
            with contextlib.suppress(OSError):
                handle(Talker(sock))
                Talker(sock).close()

        def begin(sock: socket.socket) -> None:
            self._threads.append(threading.Thread(target=run, args=(sock,), daemon=True))
            self._threads[-1].start()

        super().__init__(begin)

    def close(self) -> None:
        """Close all."""
        super().close()
        for thread in self._threads:
            thread.join(DEADLINE)


def everything(peer: Peer) -> None:
    """Put every string into every field of a server's frames."""
    for number, text in enumerate(STRINGS, 1):
        peer.send(type="msg", seq=number, time=1.0, nick=text, text=text)
        peer.send(type="join", nicks=[text], count=number)
        peer.send(type="rename", old=text, new=text)
        peer.send(type="leave", nicks=[text], count=1, why=text)
        peer.send(type="whisper", **{"from": text, "time": 1.0, "text": text})
        peer.send(type="notice", text=text, time=1.0, by=text)
        peer.send(type="ack", id=text or "x", time=1.0, duplicate=False, seq=number)
        peer.send(type="pong", t=text)
        peer.send(type=text or "x")
        peer.send(type="gap", **{"from": number, "to": number, "why": "slow"})
    peer.send(type="msg", seq=len(STRINGS) + 1, time=1e300, nick="strange", text="that was all")
    peer.send(type="join", nicks=["that-was-all"], count=99)


NASTY_WELCOME = dict.fromkeys(("server", "room", "nick", "epoch", "durability", "topic"), EVIL) | {
    "members": STRINGS,
    "last": len(STRINGS) + 1,
    "count": len(STRINGS),
    "features": ["search", EVIL],
}


def speak(peer: Peer) -> None:
    """Welcome, say everything, and answer whatever is asked for."""
    peer.let_in(**NASTY_WELCOME)
    everything(peer)
    while True:
        asked = peer.frame("say", "who", "history", "search", "ping", "whisper", "bye")
        if asked["type"] == "who":
            rows = [{"nick": text, "since": 1e300, "idle": 1.0} for text in STRINGS]
            peer.send(type="roster", members=rows, count=len(rows), watchers=1)
        elif asked["type"] == "history":
            entries = [
                {"seq": n, "time": 1e300, "nick": text, "text": text} for n, text in enumerate([*STRINGS, "x"], 1)
            ]
            peer.send(type="page", entries=entries, more=False)
        elif asked["type"] == "search":
            entries = [{"seq": n, "time": 1e300, "nick": text, "text": text} for n, text in enumerate(STRINGS, 1)]
            peer.send(type="found", entries=entries, before=1, more=True, time=1e300)
        elif asked["type"] == "ping":
            peer.send(type="pong", t=asked.get("t"), last=200)
        elif "id" in asked:
            peer.send(type="error", code=EVIL, text=EVIL, id=asked["id"])
        else:
            return


def agree(peer: Peer, choice: str = "yes") -> None:
    """Take what is said, and answer: with a choice, and with all there is."""
    peer.let_in(**(NASTY_WELCOME | {"last": 0}))
    peer.send(type="msg", seq=2, time=1e300, nick=EVIL, text=choice)
    peer.send(type="msg", seq=3, time=1e300, nick=EVIL, text=EVIL)
    while (asked := peer.frame("say", "whisper", "bye"))["type"] != "bye":
        peer.send(type="ack", id=asked["id"], time=1e300, duplicate=False, seq=1)


def refuse(peer: Peer) -> None:
    """Let nobody in, at length."""
    peer.sock.sendall(b"NAME")
    peer.frame("hello")
    peer.send(type="error", code="room_full", text=EVIL)


def leave(peer: Peer) -> None:
    """Let in, and end it, at length."""
    peer.let_in(**NASTY_WELCOME)
    peer.send(type="error", code=EVIL, text=EVIL)
    peer.send(type="bye", why=EVIL, final=True)


def rave(peer: Peer) -> None:
    """Speak no protocol at all."""
    peer.sock.sendall(EVIL.encode())
