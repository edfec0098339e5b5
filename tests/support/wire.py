"""A raw socket to a server, and short conversations over it."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

from tests.support.environment import DEADLINE

Frame = dict[str, Any]


class Wire:
    """A raw socket to a server: bytes out, lines and frames in, each with a deadline.

    A test need not close it: ``close_all`` does, at the test's end.
    """

    _opened: ClassVar[list[Wire]] = []

    def __init__(self, address: tuple[str, int] | str, *, receive_buffer: int | None = None) -> None:
        """Connect. A small ``receive_buffer`` makes a reader that stops felt soon."""
        family = (
            socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        )
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(DEADLINE)
        self._opened.append(self)
        self.sock.connect(address)
        self.welcome: Frame = {}
        self.elsewhere: Callable[[], Wire] | None = None
        """Asks the other one of two servers about the same room."""
        self._data = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket in order."""
        self.sock.close()

    @classmethod
    def close_all(cls) -> None:
        """Close what is still open."""
        while cls._opened:
            cls._opened.pop().close()

    def reset(self) -> None:
        """Close the socket with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end(self) -> None:
        """Send no more, and still read."""
        self.sock.shutdown(socket.SHUT_WR)

    def greeted(self) -> Self:
        """Take the greeting."""
        assert self.take(4) == b"NAME"
        return self

    def enter(self, nick: str, room: str = "lobby", **more: object) -> Self:
        """Say hello in JSON and wait for the welcome; with mode join also for the own ``join``."""
        self.say_frame(type="hello", v=1, nick=nick, room=room, **more)
        self.welcome = self.frame("welcome")
        if more.get("mode", "join") == "join" and "token" not in more:
            self.frame("join", where=lambda frame: self.welcome["nick"] in frame["nicks"])
        return self

    def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.sock.sendall(data)
        return self

    def push(self, data: bytes) -> Self:
        """Send bytes to a peer that may close in the middle of them."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)
        return self

    def say_frame(self, **frame: object) -> Self:
        """Send a frame."""
        return self.send(json.dumps(frame).encode() + b"\n")

    def say(self, text: str, **more: object) -> Self:
        """Send a ``say``."""
        return self.say_frame(type="say", text=text, **more)

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        while len(self._data) < count:
            assert self._more(), f"closed after {self._data!r}"
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def until(self, wanted: bytes) -> bytes:
        """Read up to and with ``wanted``."""
        while wanted not in self._data:
            assert self._more(), f"closed without {wanted!r} after {self._data!r}"
        return self.take(self._data.index(wanted) + len(wanted))

    def line(self) -> str:
        """Read a line; give it without its end."""
        return self.until(b"\n").decode()[:-1]

    def lines_until(self, wanted: str) -> list[str]:
        """Read lines up to the first that holds ``wanted``, and with it."""
        lines = [self.line()]
        while wanted not in lines[-1]:
            lines.append(self.line())
        return lines

    def frame(self, kind: str, where: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """Read frames up to one of that type; give it."""
        while True:
            frame = self.next_frame()
            if frame["type"] == kind and where(frame):
                return frame

    def next_frame(self) -> Frame:
        """Read a frame."""
        frame = json.loads(self.line())
        assert isinstance(frame, dict)
        return frame

    def texts(self, last: str) -> list[str]:
        """Read messages up to the one that says ``last``, after a question's tag or not; give what they say."""
        texts = [self.frame("msg")["text"]]
        while re.sub(r"^\[[a-z][2-9]+\] ", "", texts[-1]) != last:
            texts.append(self.frame("msg")["text"])
        return texts

    def rest(self) -> bytes:
        """Read until the server closes; a reset ends it, too."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        rest, self._data = self._data, b""
        return rest

    def _more(self) -> bool:
        data = self.sock.recv(65536)
        self._data += data
        return bool(data)


def texts_of(wire: Wire, count: int) -> list[str]:
    """Read so many messages."""
    return [wire.frame("msg")["text"] for _ in range(count)]


def log_of(wire: Wire) -> list[str]:
    """Return all that was ever said there."""
    wire.say_frame(type="history", after=0, limit=1000)
    return [entry["text"] for entry in wire.frame("page")["entries"]]


def wait_for_watcher(wire: Wire, count: int = 1) -> None:
    """Ask until so many watch, at both of two servers: each answer is an event, and the one knows the other's late."""
    asking = [wire] if wire.elsewhere is None else [wire, wire.elsewhere()]
    while all(one.say_frame(type="who").frame("roster")["watchers"] < count for one in asking):
        pass


def say_all(wire: Wire, texts: Sequence[str]) -> None:
    """Say them, and wait until they are said."""
    for text in texts:
        wire.say(text)
    texts_of(wire, len(texts))
