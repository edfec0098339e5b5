"""A server that stops answering in the middle of a question: a handler for a ``Stub``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

from tests.support.environment import DEADLINE
from tests.support.scripted_peer import WELCOME, Peer


class Hanging:
    """A server that answers so many frames, and no more; it goes on reading."""

    def __init__(self, answers: int, features: Sequence[str], waiting: int) -> None:
        """When ``waiting`` frames were answered, the question is asked: nadia says yes, if there are more answers."""
        self._answers, self._features, self._waiting = answers, list(features), waiting
        self._watching: Peer | None = None
        self._answered = self._unanswered = self._said = 0
        self._news = threading.Condition()
        self._heard: list[str] = []

    def __call__(self, sock: socket.socket) -> None:
        threading.Thread(target=self._serve, args=(Peer(sock),), daemon=True).start()

    def _serve(self, peer: Peer) -> None:
        try:
            peer.sock.sendall(b"NAME")
            while True:
                frame = peer.frame("hello", "lease", "say", "bye")
                with self._news:
                    self._heard.append(frame.get("do", frame["type"]))
                    if self._answered < self._answers:
                        self._answer(peer, frame)
                    elif frame["type"] != "bye":
                        self._unanswered += 1
                    self._news.notify_all()
        except OSError:
            pass

    def _answer(self, peer: Peer, frame: dict[str, str]) -> None:
        self._watching = self._watching or peer
        match frame["type"]:
            case "hello":
                peer.send(**WELCOME | {"features": self._features})
            case "lease":
                peer.send(type="lease", kind="question", name=frame["name"], held=True, open=[frame["name"]])
            case "say":
                self._said += 1
                peer.send(type="ack", id=frame["id"], time=1.0, duplicate=False, seq=self._said)
            case _:
                return
        self._answered += 1
        if self._answered == self._waiting < self._answers:
            self._said += 1
            self._watching.send(type="msg", seq=self._said, time=1.0, nick="nadia", text="yes")

    def wait_until_it_hangs(self) -> None:
        """Wait until somebody waits for it: for an answer, or at last for nadia's."""

        def hangs() -> bool:
            return self._unanswered > 0 or self._answered == self._answers == self._waiting

        with self._news:
            assert self._news.wait_for(hangs, DEADLINE)

    def hears(self, what: str) -> bool:
        """Return whether it hears this before the last connection is closed."""
        with self._news:
            return self._news.wait_for(lambda: what in self._heard, DEADLINE)

    @property
    def heard(self) -> list[str]:
        """What it has heard."""
        with self._news:
            return list(self._heard)
