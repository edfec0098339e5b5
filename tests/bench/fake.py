"""A server that speaks json and text just enough for a load, and does wrong what a test wants it to."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import threading
from collections.abc import Callable, Sequence

from tests.support.environment import DEADLINE

Twist = Callable[[int, int, bytes], Sequence[bytes]]
"""What member number n is sent for message number m, whose right line is given."""


def honest(_member: int, _message: int, line: bytes) -> Sequence[bytes]:
    """Send what is right."""
    return [line]


WELCOME = {
    "type": "welcome",
    "v": 1,
    "server": "fake",
    "room": "lobby",
    "nick": "x",
    "epoch": "e",
    "first": 1,
    "last": 0,
    "members": [],
    "count": 0,
    "watchers": 0,
    "durability": "memory",
    "limits": {},
}


class Fake:
    """Listens; every json ``say`` is acknowledged and goes to all members as the twist has it."""

    def __init__(self, twist: Twist = honest, *, refuse: int | None = None, cut_off: int = 0) -> None:
        """Begin.

        Args:
            twist: what members are sent.
            refuse: a message that is answered with an error and goes to nobody.
            cut_off: after the first member, so many connections are closed when they say hello.
        """
        self._twist = twist
        self._refuse = refuse
        self._cut_off = cut_off
        self._door = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._door.getsockname()[1]
        self._chosen = selectors.DefaultSelector()
        self._chosen.register(self._door, selectors.EVENT_READ)
        self._rest: dict[socket.socket, bytes] = {}
        self._members: list[socket.socket] = []
        self._said = 0
        self._ending, self._end = socket.socketpair()
        self._chosen.register(self._ending, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, and close all."""
        self._end.close()
        self._thread.join(DEADLINE)
        self._chosen.close()
        for sock in [self._door, self._ending, *self._rest]:
            sock.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._chosen.select():
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._ending:
                    return
                if sock is self._door:
                    self._welcome()
                else:
                    self._hear(sock)

    def _welcome(self) -> None:
        sock, _ = self._door.accept()
        self._chosen.register(sock, selectors.EVENT_READ)
        self._rest[sock] = b""
        sock.sendall(b"NAME")

    def _hear(self, sock: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = sock.recv(65536)
        if not data:
            self._chosen.unregister(sock)
            return
        *lines, self._rest[sock] = (self._rest[sock] + data).split(b"\n")
        for line in lines:  # a hello may end it
            self._line(sock, json.loads(line))

    def _line(self, sock: socket.socket, frame: dict[str, object]) -> None:
        if frame["type"] == "hello" and self._members and self._cut_off:
            self._cut_off -= 1
            self._chosen.unregister(sock)
            del self._rest[sock]
            sock.close()
        elif frame["type"] == "hello":
            self._send(sock, json.dumps(WELCOME, separators=(",", ":")).encode() + b"\n")
            if frame.get("mode", "join") == "join":
                self._members.append(sock)
        elif frame["type"] == "say":
            self._say(sock, frame)

    def _say(self, speaker: socket.socket, frame: dict[str, object]) -> None:
        message, self._said = self._said, self._said + 1
        if message == self._refuse:
            error = {"type": "error", "code": "storage", "text": "the disk is full", "id": frame["id"]}
            self._send(speaker, json.dumps(error, separators=(",", ":")).encode() + b"\n")
            return
        line = b'{"type":"msg","seq":%d,"time":1.5,"nick":"bench0","text":"%b"}\n' % (
            message + 1,
            str(frame["text"]).encode(),
        )
        for number, member in enumerate(self._members):
            self._send(member, b"".join(self._twist(number, message, line)))
        ack = b'{"type":"ack","id":"%b","time":1.5,"duplicate":false,"seq":%d}\n'
        self._send(speaker, ack % (str(frame["id"]).encode(), message + 1))

    @staticmethod
    def _send(sock: socket.socket, data: bytes) -> None:
        with contextlib.suppress(OSError):
            sock.sendall(data)
