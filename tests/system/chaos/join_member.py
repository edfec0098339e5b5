"""A member with ``chatctl join``, as a script runs it: lines in are said, each entry is a line out, without a number.

It stays until the end, whichever server it is at: that is for the program to see to.
"""

from __future__ import annotations

import contextlib
import re
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.system.chaos.child import CHATCTL, environment
from tests.system.chaos.diary import Diary

_PAUSE = 0.5
"""Seconds between two lines, and between two attempts to get in."""

_UNREAD = 5
"""Of its own lines, so many at most are under way."""

_DEADLINE = 10.0
"""Seconds within which the program ends once it was asked to."""

_PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}

_ENTRY = re.compile(r"\d\d:\d\d (\S+): (.*)")
_GAP = re.compile(r"— ([\d,]+) messages? missing: (.*) —")
_NEW_LOG = "— the server began a new log —"


class JoinMember(threading.Thread):
    """Ends when it is told to, once it has read the last thing that it says; told again, at once."""

    def __init__(self, addresses: Sequence[str], diary: Diary, first: int, state: Path) -> None:
        """``addresses`` are the servers, ``first`` says which it asks first; ``state`` is for the program's files."""
        super().__init__(name=diary.name, daemon=True)
        first %= len(addresses)
        self._servers = ",".join([*addresses[first:], *addresses[:first]])
        self._diary = diary
        self._env = environment(CHATCTL_STATE_DIR=str(state), CHATCTL_CONFIG="/dev/null", CHATCTL_KEY="none")
        self._log = state / "stderr.log"
        state.mkdir()
        self._count = 0
        self._unread: dict[str, str] = {}  # text to id, of its own lines
        self._entered = False
        self._said_last = False
        self.has_entered = threading.Event()
        """Set when it has read something."""
        self._leaving, self._giving_up = threading.Event(), threading.Event()

    def give_up(self) -> None:
        """Leave."""
        if self._leaving.is_set():
            self._giving_up.set()
        self._leaving.set()

    def run(self) -> None:
        self._diary.note("listen", ascii=False)
        options = "--plain", "--history", "0", "--nick", self._diary.name, "--server", self._servers
        while not self._leaving.wait(_PAUSE):
            self._entered = False
            with (
                self._log.open("ab") as log,
                subprocess.Popen([*CHATCTL, "join", *options], env=self._env, stderr=log, **_PIPES) as process,
            ):
                with contextlib.suppress(BrokenPipeError):
                    self._stay(process)
                self._end(process)
        self._diary.close()

    def _stay(self, process: subprocess.Popen[bytes]) -> None:
        """Say and read things until it is time to leave, or the program ends."""
        assert process.stdout is not None
        data, say_at = b"", 0.0
        while not (self._giving_up.is_set() or (self._said_last and not self._unread)):
            if self._entered and not self._said_last and time.monotonic() > say_at:
                self._say(process)
                say_at = time.monotonic() + _PAUSE
            if select.select([process.stdout], [], [], 0.1)[0]:
                more = process.stdout.read(1 << 16)
                if not more:
                    return
                *lines, data = (data + more).split(b"\n")
                for line in lines:
                    self._take(line.decode())
            if self._leaving.is_set() and not self._entered:
                return

    def _say(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        self._said_last = self._leaving.is_set()
        if len(self._unread) >= _UNREAD and not self._said_last:
            return
        self._count += 1
        ident, text = f"{self._count}", f"{self._diary.name} says {self._count}."
        self._unread[text] = ident
        self._diary.note("attempt", id=ident, text=text)
        if self._said_last:
            self._diary.note("until", text=text)
        process.stdin.write(f"{text}\n".encode())

    def _take(self, line: str) -> None:
        if entry := _ENTRY.fullmatch(line):
            self._entered = True
            self.has_entered.set()
            self._diary.note("read", text=entry[2], at=time.monotonic())
            if ident := self._unread.pop(entry[2], None):
                self._diary.note("stored", id=ident)
        elif gap := _GAP.fullmatch(line):
            self._diary.note("missed", count=int(gap[1].replace(",", "")), why="lost" if "lost" in gap[2] else gap[2])
        elif line == _NEW_LOG:
            self._diary.note("missed", count=0, why="lost")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Have the program end, unless it has: by itself it does so only where it was not let in."""
        assert process.stdin is not None
        by_itself = not self._leaving.is_set()
        process.stdin.close()
        if self._giving_up.is_set():
            process.kill()
        try:
            code = process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if self._entered and (by_itself or (code and not self._giving_up.is_set())):
            self._diary.note("ended", code=code)
