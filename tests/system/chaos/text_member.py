"""A member with ``nc``: says lines that nobody acknowledges, and comes back at another server when it is cut off."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable

from tests.system.chaos.diary import Diary

_PAUSE = 0.3
"""Seconds between two lines, and between two attempts to get in."""

_PATIENCE = 5.0
"""Seconds that a server gets to let go of it."""


class TextMember(threading.Thread):
    """Ends when it is told to."""

    def __init__(self, way: Callable[[], int], diary: Diary) -> None:
        """``way`` names the port for each connection."""
        super().__init__(name=diary.name, daemon=True)
        self._way = way
        self._diary = diary
        self._dice = random.Random(diary.name)
        self._count = 0
        self._giving_up = threading.Event()

    def give_up(self) -> None:
        """Leave."""
        self._giving_up.set()

    def run(self) -> None:
        while not self._giving_up.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._way()), 1) as sock:
                self._converse(sock)
            self._giving_up.wait(_PAUSE)
        self._diary.close()

    def _converse(self, sock: socket.socket) -> None:
        sock.settimeout(_PAUSE)
        sock.sendall(f"{self._diary.name}\n".encode())
        heard, leave_at = b"", time.monotonic() + self._dice.uniform(1, 4)
        while not self._giving_up.is_set() and time.monotonic() < leave_at:
            with contextlib.suppress(TimeoutError):
                data = sock.recv(1 << 16)
                if not data:
                    return
                heard = (heard + data)[-4096:] if b"Connected to server!" not in heard else heard
            if b"Connected to server!" in heard:  # until then a line is a nickname
                self._say(sock)
        self._end(sock)

    def _end(self, sock: socket.socket) -> None:
        """Leave when the server has had all lines."""
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(_PATIENCE)
        while sock.recv(1 << 16):
            pass

    def _say(self, sock: socket.socket) -> None:
        self._count += 1
        text = f"{self._diary.name} says {self._count}"
        self._diary.note("say", text=text)
        sock.sendall(f"{text}\n".encode())
        self._giving_up.wait(_PAUSE)
