"""Reading stdin line by line beside an event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator


class StdinReader:
    """Passes the lines of stdin to an event loop, one at a time, from a thread.

    A thread, because an event loop cannot wait for a regular file. It is a daemon, because it may wait for a line that
    never comes while the program ends.
    """

    def __init__(
        self, on_line: Callable[[str], None], on_end: Callable[[], None], on_error: Callable[[OSError], None]
    ) -> None:
        """Prepare it inside a running event loop, which makes all the calls.

        Args:
            on_line: called with a line that is not empty; the next one follows once ``line_taken`` was called.
            on_end: called at the end of stdin, or at once where stdin is closed.
            on_error: called if stdin cannot be read.
        """
        self._loop = asyncio.get_running_loop()
        self._on_line, self._on_end, self._on_error = on_line, on_end, on_error
        self._taken = threading.Semaphore(0)
        self._stopped = False

    def start(self) -> None:
        """Start reading."""
        threading.Thread(target=self._read, daemon=True).start()

    def line_taken(self) -> None:
        """Read the next line."""
        self._taken.release()

    def stop(self) -> None:
        """Pass no further line; a thread that waits for ``line_taken`` ends."""
        self._stopped = True
        self._taken.release()

    def _read(self) -> None:
        try:
            for line in _lines_of_stdin():
                if not self._call(self._on_line, line):
                    return
                self._taken.acquire()
                if self._stopped:
                    return
        except OSError as error:
            self._call(self._on_error, error)
        else:
            self._call(self._on_end)

    def _call(self, callback: Callable[..., None], *args: object) -> bool:
        """Have the loop call something. False if the loop is closed: the program has ended."""
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            return False
        return True


def is_interactive() -> bool:
    """Return whether stdin is a terminal, so that a user types and not a script."""
    return sys.stdin is not None and sys.stdin.isatty()


def _lines_of_stdin() -> Iterator[str]:
    """Yield its lines that are not empty, without their line ends. Raises OSError.

    A byte that is no UTF-8 is a lone surrogate.

    ``sys.stdin`` is not read: while a thread waits in it, it holds a lock, and the interpreter aborts if it finds that
    lock held when it ends.
    """
    if sys.stdin is None:
        return
    fd, rest, data = sys.stdin.fileno(), b"", b"\n"
    while data:
        data = os.read(fd, 65536)
        *lines, rest = (rest + (data or b"\n")).split(b"\n")  # the end of stdin also ends a line
        for line in lines:
            if text := line.decode("utf-8", "surrogateescape").rstrip("\r"):
                yield text
