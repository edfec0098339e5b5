"""The log's thread: lines wait in a bounded queue, so that no reader and no disk holds up the event loop.

Lives here: the queue, what is lost when it is full or nothing can be written, the end. Does not live here: where lines
end (log_output.py), what is logged (hub/event_log.py), who logs (log_setup.py).
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from itertools import accumulate

from chatctl.server.log_output import Output

MAX_LINES = 10_000
"""Lines that wait. Most have 100 to 300 bytes."""

MAX_LINE_BYTES = 16 * 1024
"""Bytes of one line; the rest is cut off. Only a traceback comes near it."""

BATCH_BYTES = 64 * 1024
"""Bytes of one write, unless a single line has more."""

FLUSH_SECONDS = 2.0
"""How long the end of the server waits for a reader of the log that has stopped reading."""

RETRY_SECONDS = 5.0
"""After a failure: how soon it is tried again to tell of it, if no line comes before."""

_Item = bytes | threading.Event | int
"""A line, a flush, or LOST: a place in the queue where lines are missing."""

LOST = 0


class LogWriter:
    """Writes lines to an output in a thread of its own. It never blocks, never fails, and counts what is lost.

    A line that can't be written is lost; the next one is tried again. Where lines are missing stands how many.
    """

    def __init__(self, output: Output, lost: Callable[[int], bytes], *, max_lines: int = MAX_LINES) -> None:
        """Start the thread.

        Args:
            output: where lines go.
            lost: makes the line that says how many were lost, with its LF.
            max_lines: how many may wait.
        """
        self._output = output
        self._lost_line = lost
        self._max_lines = max_lines
        # SimpleQueue, since ``put`` is called by destructors too, in the middle of another ``put``: a lock of Python's
        # own would never be released (bpo-14976).
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._dropped = 0  # ``put`` alone counts these, the thread alone those
        self._told = 0
        self._is_marked = False  # whether LOST waits in the queue
        self._failed = 0
        self._unwritten = 0
        self._cut = False
        threading.Thread(target=self._run, name="log", daemon=True).start()

    @property
    def lost(self) -> int:
        """How many lines were lost in all."""
        return self._dropped + self._unwritten

    def put(self, line: bytes) -> None:
        """Write a line, which ends in LF, soon. From any thread; never blocks."""
        if self._queue.qsize() < self._max_lines:
            self._queue.put(line if len(line) <= MAX_LINE_BYTES else line[: MAX_LINE_BYTES - 1] + b"\n")
            return
        self._dropped += 1
        if not self._is_marked:  # two threads that find it so mark the place twice, which tells nothing twice
            self._is_marked = True
            self._queue.put(LOST)

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until all lines so far are written or lost; return False if that takes longer than ``seconds``."""
        written = threading.Event()
        self._queue.put(written)
        return written.wait(seconds)

    def _run(self) -> None:
        """Write until the process ends."""
        while True:
            lines, mark = self._next()
            self._write(lines)
            if isinstance(mark, threading.Event):
                mark.set()
            elif mark is not None:
                self._tell_of_dropped()

    def _tell_of_dropped(self) -> None:
        self._is_marked = False  # before it is counted: a line that is lost from here on needs a mark of its own
        dropped = self._dropped
        self._failed += dropped - self._told
        self._told = dropped
        self._write([])

    def _next(self) -> tuple[list[bytes], _Item | None]:
        """Wait for a line; return it with those behind it, up to BATCH_BYTES or something else, and that."""
        lines: list[bytes] = []
        length, timeout = 0, RETRY_SECONDS if self._failed else None
        with contextlib.suppress(queue.Empty):
            while length < BATCH_BYTES:
                item = self._queue.get(timeout=timeout)
                if not isinstance(item, bytes):
                    return lines, item
                lines.append(item)
                length, timeout = length + len(item), 0
        return lines, None

    def _write(self, lines: list[bytes]) -> None:
        told = [self._lost_line(self._failed)] if self._failed else []
        if not (told or lines):
            return
        written = self._write_all(b"\n" * self._cut + b"".join(told + lines)) - self._cut
        through = sum(end <= written for end in accumulate(map(len, told + lines)))
        if through:
            self._failed = 0
        unwritten = len(lines) - max(0, through - len(told))
        self._failed += unwritten
        self._unwritten += unwritten

    def _write_all(self, data: bytes) -> int:
        """Write bytes until it fails; return how many were written. ``_cut`` is whether that ended within a line."""
        written = 0
        with contextlib.suppress(Exception):  # whatever an output does, the thread lives
            while written < len(data):
                written += self._output.write(data[written:])
        if written:
            self._cut = data[written - 1 : written] != b"\n"
        return written
