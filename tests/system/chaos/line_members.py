"""Members whose server sends them lines without numbers: with ``nc``, and with a program of the first version.

They say things that nobody acknowledges, read what comes, and come back at another server when they are cut off.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from tests.system.chaos.diary import Diary

_PAUSE = 0.3
"""Seconds between two lines, and between two attempts to get in."""

_PATIENCE = 5.0
"""Seconds that a server gets to let go of one."""

_ENTRY = re.compile(r"(\S+): (.*)")
_GAP = re.compile(r"\((\d+) messages can't be shown: (.*)\)")
_LOST = re.compile(r"\(the last (?:(\d+) messages were|message was) lost\)")


class LineMember(threading.Thread, ABC):
    """Ends when it is told to."""

    ascii = False
    """Whether it can read nothing else."""

    def __init__(self, way: Callable[[], int], diary: Diary) -> None:
        """``way`` names the port for each connection."""
        super().__init__(name=diary.name, daemon=True)
        self.diary = diary
        self._way = way
        self._dice = random.Random(diary.name)
        self._count = 0
        self._giving_up = threading.Event()
        self._rest = b""
        self._entered = False
        self.has_entered = threading.Event()
        """Set when it has been in the room once."""

    def give_up(self) -> None:
        """Leave."""
        self._giving_up.set()

    def run(self) -> None:
        while not self._giving_up.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._way()), 1) as sock:
                self._converse(sock)
            self._giving_up.wait(_PAUSE)
        self.diary.close()

    def _converse(self, sock: socket.socket) -> None:
        sock.settimeout(_PAUSE)
        self._rest, self._entered = b"", False
        self.introduce(sock)
        leave_at = time.monotonic() + self._dice.uniform(1, 4)
        while not self._giving_up.is_set() and time.monotonic() < leave_at:
            with contextlib.suppress(TimeoutError):
                if not self._read(sock):
                    return
            if self._entered and self.may_speak():  # until then a line is a nickname
                self._count += 1
                self.say(sock, f"{self.diary.name} says {self._count}.")
                self._giving_up.wait(_PAUSE)
        self._end(sock)

    def _end(self, sock: socket.socket) -> None:
        """Leave when the server has had all lines."""
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(_PATIENCE)
        while self._read(sock):
            pass

    def _read(self, sock: socket.socket) -> bool:
        data = sock.recv(1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line.decode().removeprefix("NAME"))
        return bool(data)

    def _take(self, line: str) -> None:
        if not self._entered:
            self._entered = line == "Connected to server!"
            if self._entered:
                self.diary.note("listen", ascii=self.ascii)
                self.has_entered.set()
        elif entry := _ENTRY.fullmatch(line):
            self.diary.note("read", text=entry[2], at=time.monotonic())
            self.heard(entry[2])
        elif gap := _GAP.fullmatch(line):
            self.diary.note("missed", count=int(gap[1]), why=gap[2])
        elif lost := _LOST.fullmatch(line):
            self.diary.note("missed", count=int(lost[1] or 1), why="lost")

    # --- what differs

    @abstractmethod
    def introduce(self, sock: socket.socket) -> None:
        """Say one's name."""

    @abstractmethod
    def say(self, sock: socket.socket, text: str) -> None:
        """Say something, and note it before."""

    def may_speak(self) -> bool:
        """Return whether something can be said now."""
        return True

    def heard(self, text: str) -> None:
        """Take note of an entry."""


class TextMember(LineMember):
    """With ``nc``."""

    def introduce(self, sock: socket.socket) -> None:
        sock.sendall(f"{self.diary.name}\n".encode())

    def say(self, sock: socket.socket, text: str) -> None:
        self.diary.note("say", text=text)
        sock.sendall(f"{text}\n".encode())


class ClassicMember(LineMember):
    """With a program of the first version. It waits until what it said has come back: two things would become one."""

    ascii = True
    _awaited = ""

    def introduce(self, sock: socket.socket) -> None:
        self._awaited = ""
        while not self._rest.endswith(b"NAME"):
            self._rest = sock.recv(1 << 10)
            if not self._rest:
                raise ConnectionError
        self._rest = b""
        sock.sendall(self.diary.name.encode())

    def say(self, sock: socket.socket, text: str) -> None:
        line = f"{self.diary.name}: {text}"
        self.diary.note("say", text=text, unframed=line)
        self._awaited = text
        sock.sendall(line.encode())

    def may_speak(self) -> bool:
        return not self._awaited

    def heard(self, text: str) -> None:
        if text == self._awaited:
            self._awaited = ""
