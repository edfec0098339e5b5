"""One conversation with a server in the JSON dialect, on a plain socket; any trouble on the way is ``Dropped``.

The clients of the ordeal use nothing of chatctl's own: what they expect is what docs/protocol.md promises to anybody.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

Frame = dict[str, Any]

PATIENCE = 1.2
"""Seconds of silence after which a server, or the way to it, counts as gone."""


class Dropped(Exception):
    """This conversation is over: whatever was under way in it has an unknown outcome."""


class Conversation:
    """Connected and let in."""

    def __init__(self, port: int, *, receive_buffer: int | None = None, **hello: object) -> None:
        """Raises Dropped."""
        self._data = b""
        self.heard = time.monotonic()
        try:
            self._sock = socket.socket()
            if receive_buffer is not None:
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self._sock.settimeout(PATIENCE)
            self._sock.connect(("127.0.0.1", port))
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send({"type": "hello", "v": 1} | hello)
            self.welcome, self.first_frames = self._enter()
        except OSError as error:
            self._sock.close()
            raise Dropped(str(error)) from None
        except Dropped:
            self._sock.close()
            raise

    def _enter(self) -> tuple[Frame, list[Frame]]:
        while True:
            frames = self.receive(PATIENCE)
            if frames and frames[0]["type"] == "welcome":
                return frames[0], frames[1:]
            if frames or time.monotonic() - self.heard > PATIENCE:
                raise Dropped(f"not let in: {frames[:1]}")

    def send(self, *frames: Frame) -> None:
        """Raises Dropped."""
        try:
            self._sock.settimeout(PATIENCE)
            self._sock.sendall(b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
        except OSError as error:
            raise Dropped(str(error)) from None

    def receive(self, seconds: float) -> list[Frame]:
        """Return the frames of the next read, none if nothing came for so long. Raises Dropped."""
        try:
            self._sock.settimeout(max(0.001, seconds))
            data = self._sock.recv(1 << 16)
        except TimeoutError:
            return []
        except OSError as error:
            raise Dropped(str(error)) from None
        if not data:
            raise Dropped("closed")
        self.heard = time.monotonic()
        *lines, self._data = (self._data + data).split(b"\n")
        frames = [json.loads(line.removeprefix(b"NAME")) for line in lines]
        for frame in frames:
            if frame["type"] == "bye":
                raise Dropped(frame["why"])
        return frames

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.close()


def roster(port: int) -> list[str]:
    """Return the members that a server shows. Raises Dropped."""
    conversation = Conversation(port, mode="watch")
    try:
        conversation.send({"type": "who"})
        frames = conversation.first_frames
        while not (found := [frame for frame in frames if frame["type"] == "roster"]):
            frames = conversation.receive(PATIENCE)
            if time.monotonic() - conversation.heard > PATIENCE:
                raise Dropped("no answer")
    finally:
        conversation.close()
    return [member["nick"] for member in found[0]["members"]]
