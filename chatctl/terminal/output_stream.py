"""Our stdout, written so that a slow, blocked or vanished reader stops nothing but the output.

Lives here: how bytes reach the descriptor. Does not live here: what is written (painter.py, plain_screen.py).
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

from chatctl.common.text import clean

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HURRY_SECONDS = 0.5
"""After ``hurry``: how long a reader that takes nothing is still waited for, in all."""

_POLL_MS = 100
_CHUNK = 4096
"""Bytes for one write(2): what a pipe that is writable takes without blocking (PIPE_BUF)."""


class OutputStream(io.RawIOBase):
    """A descriptor for writing whose writes wait, but never inside the kernel.

    A write(2) to a terminal that nobody reads, as after Ctrl-S or when its window hangs, does not return, and asyncio's
    signal handlers run only between two callbacks of the loop: SIGTERM would end nothing. So the wait is ours, and
    ``hurry`` ends it.
    """

    def __init__(self, descriptor: int) -> None:
        """Write to ``descriptor``, which stays open and keeps its flags: the shell has the same open file."""
        self._descriptor = descriptor
        self._own = _reopened(descriptor)
        self._is_terminal = os.isatty(descriptor)  # one that has vanished says that it is none
        self._drop_at: float | None = None
        self.gone = False
        """Whether the terminal has vanished; what is written since is dropped."""
        self.on_gone: Callable[[], object] | None = None
        """Called once when the terminal has vanished. None: a failed write raises."""

    def fileno(self) -> int:
        """Return the descriptor that was given."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._is_terminal

    def writable(self) -> bool:
        """Return True."""
        return True

    def hurry(self) -> None:
        """Wait half a second more for a reader, in all; then drop what is written. Signal handlers may call it."""
        if self._drop_at is None:
            self._drop_at = time.monotonic() + HURRY_SECONDS

    def be_patient(self) -> None:
        """Wait for a reader without limit again: the program does not end after all."""
        self._drop_at = None

    @property
    def blocked(self) -> bool:
        """Whether output had to be dropped, or would be: nobody reads it."""
        return self.gone or (self._drop_at is not None and not self._wait(0))

    def write(self, data: ReadableBuffer) -> int:
        """Write all of ``data``, unless it is dropped. Raises OSError if it can't be written."""
        view = memoryview(data).cast("B")
        size = len(view)
        while view and not self.gone:
            if not self._wait(_POLL_MS):
                if self._drop_at is not None and time.monotonic() > self._drop_at:
                    break
                continue
            with contextlib.suppress(BlockingIOError):
                view = view[self._write_some(view[:_CHUNK]) :]
        return size

    def _write_some(self, chunk: memoryview) -> int:
        try:
            return os.write(self._descriptor if self._own is None else self._own, chunk)
        except BlockingIOError:
            raise
        except OSError:
            if self.on_gone is None:
                raise
            self.gone = True
            self.on_gone()
            return len(chunk)

    def _wait(self, milliseconds: int) -> bool:
        """Wait until it takes something, or fails. A poll, as its descriptor may be over select's limit."""
        poll = select.poll()
        poll.register(self._descriptor if self._own is None else self._own, select.POLLOUT)
        return bool(poll.poll(milliseconds))

    def close(self) -> None:
        """Close what is ours; the descriptor that was given stays open."""
        if not self.closed and self._own is not None:
            os.close(self._own)
        super().close()


def tell(line: str) -> None:
    """Print a line on stderr, unless nobody reads it: at the end of the program that is no reason to wait."""
    if sys.stderr is None:
        return
    stream = OutputStream(sys.stderr.fileno())
    stream.on_gone = lambda: None
    stream.hurry()
    stream.write(f"{clean(line)}\n".encode(sys.stderr.encoding, "backslashreplace"))
    stream.close()


def _reopened(descriptor: int) -> int | None:
    """Open a terminal or a pipe once more, non-blocking. None where that can't be done, or a file's offset be lost."""
    kind = os.fstat(descriptor).st_mode
    if not (stat.S_ISFIFO(kind) or os.isatty(descriptor)):
        return None
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # another user's terminal, after su; or no /proc
        return None


def buffered_stdout() -> tuple[TextIO, OutputStream]:
    """Return our stdout with a buffer of its own, and what writes it. Closing it leaves stdout open.

    Where Python is told not to buffer (``PYTHONUNBUFFERED``, usual in containers), ``sys.stdout`` passes a text to
    write(2) once and ignores how much of it was taken. On a slow terminal a signal ends that call early (SIGWINCH, when
    the window changes size), and the rest of the text would be lost. A character that the encoding does not have is
    written as its escape: nobody's message may end the program.
    """
    stdout = sys.stdout
    if stdout is None:  # it was closed before we began
        descriptor, encoding = os.open(os.devnull, os.O_WRONLY), "utf-8"
    else:
        descriptor, encoding = stdout.fileno(), stdout.encoding
    stream = OutputStream(descriptor)
    text = io.TextIOWrapper(io.BufferedWriter(cast(io.RawIOBase, stream)), encoding, "backslashreplace", newline="\n")
    return text, stream
