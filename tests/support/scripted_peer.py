"""The server's end of a connection, played by a test: handlers for a ``Stub``."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

from websockets.server import ServerProtocol

from chatctl.protocol import GREETING

WELCOME: dict[str, Any] = {
    "type": "welcome", "v": 1, "server": "stub", "room": "lobby", "nick": "ci", "epoch": "e", "first": 1, "last": 0,
    "members": [], "count": 0, "watchers": 0, "durability": "memory", "limits": {},
}  # fmt: skip


class Peer:
    """A server's end of one connection, as a test plays it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._data = b""

    def frame(self, *kinds: str) -> dict[str, Any]:
        """Read up to a frame of one of these types."""
        while True:
            while b"\n" not in self._data:
                piece = self.sock.recv(65536)
                if not piece:
                    raise ConnectionResetError
                self._data += self._lines(piece)
            line, _, self._data = self._data.partition(b"\n")
            frame: dict[str, Any] = json.loads(line)
            if frame["type"] in kinds:
                return frame

    def _lines(self, data: bytes) -> bytes:
        """Return the lines in the bytes of one read, or parts of them."""
        return data

    def send(self, **frame: object) -> None:
        self.sock.sendall(json.dumps(frame).encode() + b"\n")

    def greet(self) -> None:
        self.sock.sendall(GREETING)

    def let_in(self, **more: object) -> dict[str, Any]:
        """Greet, and welcome; give the hello."""
        self.greet()
        hello = self.frame("hello")
        self.send(**(WELCOME | more))
        return hello

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


class WebPeer(Peer):
    """The same at a port for browsers: each frame is one of a WebSocket, and nobody greets."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._socket = ServerProtocol()
        while not (events := self._read()):
            pass
        self._socket.send_response(self._socket.accept(events[0]))
        self._flush()

    def _read(self) -> list[Any]:
        self._socket.receive_data(self.sock.recv(65536))
        return self._socket.events_received()

    def greet(self) -> None:
        pass

    def _lines(self, data: bytes) -> bytes:
        self._socket.receive_data(data)
        return b"".join(bytes(event.data) + b"\n" for event in self._socket.events_received())

    def send(self, **frame: object) -> None:
        self._socket.send_text(json.dumps(frame).encode())
        self._flush()

    def _flush(self) -> None:
        self.sock.sendall(b"".join(self._socket.data_to_send()))


def one_after_another(*handlers: Callable[[Peer], None], kind: type[Peer] = Peer) -> Callable[[socket.socket], None]:
    """Return a handler that passes each connection to the next of ``handlers``; the last one gets all that follow."""
    left = list(handlers)

    def handle(sock: socket.socket) -> None:
        handler = left.pop(0) if len(left) > 1 else left[0]
        handler(kind(sock))

    return handle


def acknowledge(peer: Peer) -> None:
    """Let in, and say yes to the first message."""
    peer.let_in()
    say = peer.frame("say")
    peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=1)


def swallow(peer: Peer) -> None:
    """Take a message, and die with it in hand."""
    peer.let_in()
    peer.frame("say")
    peer.close()


def let_in(sock: socket.socket) -> None:
    """Let in, and say no more."""
    Peer(sock).let_in()
