"""What goes wrong inside of a command: a write that fails, a signal at a line, system calls that are interrupted.

Lives here: patching and tracing, in the process that is then the command. Does not live here: which faults there are
and what has to come of them (faults.py).
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import chatctl

OURS = str(Path(chatctl.__file__).parent)
ERRORS = ("ENOSPC", "EIO", "EPIPE")
HIT = "hit"
"""The file in the working directory that then has the name of what failed."""


class Writes:
    """Counts what writes, syncs and renames, by name; the ``at``-th of them fails with ``error``."""

    def __init__(self, at: int = 0, error: str = "EIO") -> None:
        self.at, self.error = at, error
        self.seen: list[str] = []

    def arm(self) -> None:
        """Put it in the place of what writes, for the rest of this process."""
        original: Callable[..., int] = os.write
        os.write = lambda fd, data: self._do(f"write to {fd}", original, fd, data)  # type: ignore[assignment]
        for name in ("fsync", "replace", "link"):
            self._wrap(os, name, name)
        self._wrap(socket.socket, "send", "socket")
        self._wrap(socket.socket, "sendall", "socket")
        sys.stderr = self._stream(2)
        from chatctl.common import files

        files.open = self._open  # type: ignore[attr-defined]

    def _wrap(self, owner: Any, attribute: str, name: str) -> None:
        original = getattr(owner, attribute)
        setattr(owner, attribute, lambda *given, **more: self._do(name, original, *given, **more))

    def _stream(self, fd: int) -> io.TextIOWrapper:
        raw = _Raw(fd, "w", closefd=False)
        raw.do = lambda data: self._do("stderr", raw.plainly, data)
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=True)

    def _open(self, file: int | str, mode: str, **more: Any) -> Any:
        if mode != "wb":
            return builtins.open(file, mode, **more)  # noqa: PTH123 — what files.py calls
        raw = _Raw(file, "w")
        raw.do = lambda data: self._do("file", raw.plainly, data)
        return io.BufferedWriter(raw)

    def _do(self, name: str, original: Callable[..., Any], *given: Any, **more: Any) -> Any:
        self.seen.append(name)
        if len(self.seen) == self.at:
            Path(HIT).write_text(name, encoding="utf-8")  # two threads may write in another order each time
            number = getattr(errno, self.error)
            raise OSError(number, os.strerror(number))
        return original(*given, **more)


class _Raw(io.FileIO):
    """A file whose writes can be made to fail."""

    do: Callable[[Any], Any]

    def write(self, data: Any) -> Any:
        return self.do(data)

    def plainly(self, data: Any) -> Any:
        return super().write(data)


class Lines:
    """Counts the lines of chatctl that run, by file and number; before the ``at``-th of them a signal comes."""

    def __init__(self, at: int = 0, number: int = signal.SIGINT) -> None:
        self.at, self.number = at, number
        self.seen: list[str] = []

    def arm(self) -> None:
        """Trace from now on."""
        sys.settrace(self._trace)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            self.seen.append(f"{frame.f_code.co_filename[len(OURS) + 1 :]}:{frame.f_lineno}")
            if len(self.seen) == self.at:
                os.kill(os.getpid(), self.number)
        return self._trace


class Interruptions:
    """Lets each system call that waits be interrupted by a signal that does nothing; somebody else has to send it."""

    NUMBER = signal.SIGWINCH

    def __init__(self) -> None:
        self.seen: list[str] = []

    def arm(self) -> None:
        """Handle it: what is handled interrupts."""
        signal.signal(self.NUMBER, lambda *_: None)


Fault = Writes | Lines | Interruptions
