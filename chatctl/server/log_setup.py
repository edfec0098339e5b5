"""Logging of the server as a program: what goes to the log's thread, and in which form.

Lives here: the stdlib's loggers, of asyncio for one, warnings, and whatever else Python prints on stderr: none of it
may write there by itself, since stderr blocks when its reader does. Does not live here: the thread (log_writer.py),
where lines end (log_output.py), the server's own events (hub/event_log.py).
"""

from __future__ import annotations

import atexit
import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from chatctl.common.text import clean
from chatctl.hub.event_log import LEVELS, Log
from chatctl.server.log_output import STDERR, Descriptor, LogFile, is_journal
from chatctl.server.log_writer import LogWriter

OURS = "chatctl"
"""The logger of the server's own events. Its messages are lines already."""

_MAX_FOREIGN = 8_000
"""Characters of a message of other code, its traceback included."""

_PRIORITIES = {10: 7, 20: 6, 30: 4, 40: 3}
"""A level's number, and the priority that systemd's journal knows it by (sd-daemon(3))."""


def start_log(form: Literal["text", "json"], least: str, path: Path | None) -> Log:
    """Begin to log, for the rest of the process; return the log of the server's events.

    Args:
        form: of the lines.
        least: the least level of the server's own events.
        path: a file for them; None: stderr.

    Raises:
        ChatError: the file can't be opened.
    """
    log = Log(form, least, write=logging.getLogger(OURS).log)
    mark = _with_priority if is_journal(os.environ) else _plain
    stderr = LogWriter(Descriptor(STDERR), _lost_line(log, mark))
    handler = LogHandler(stderr, log, mark)
    if path is not None:
        handler = LogHandler(LogWriter(LogFile(path), _lost_line(log, _plain)), log, _plain)
    logging.getLogger(OURS).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_failed
    sys.stderr = WaitingStream(lambda line: stderr.put(mark(LEVELS["error"], line)))
    for writer in dict.fromkeys((handler.writer, stderr)):
        atexit.register(writer.flush)
    return log


def lost_lines() -> int:
    """Return how many lines of the server's log are lost."""
    handlers = logging.getLogger().handlers
    return sum(handler.writer.lost for handler in handlers if isinstance(handler, LogHandler))


Mark = Callable[[int, str], bytes]
"""Makes bytes of a line without its LF; the number is its level's."""


def _plain(_level: int, line: str) -> bytes:
    return (line + "\n").encode("utf-8", "backslashreplace")


def _with_priority(level: int, line: str) -> bytes:
    return f"<{_PRIORITIES.get(level, 3)}>".encode() + _plain(level, line)


def _lost_line(log: Log, mark: Mark) -> Callable[[int], bytes]:
    return lambda count: mark(LEVELS["warning"], log.line("warning", "lines of this log are lost", {"count": count}))


def _thread_failed(what: threading.ExceptHookArgs) -> None:
    """Log the exception that ended a thread; Python would print its traceback, a line for each of its lines."""
    name = what.thread.name if what.thread is not None else "?"
    error = what.exc_value or what.exc_type()
    logging.getLogger("python").error("thread %s ended", name, exc_info=(what.exc_type, error, what.exc_traceback))


class LogHandler(logging.Handler):
    """Hands records to a log writer."""

    def __init__(self, writer: LogWriter, log: Log, mark: Mark) -> None:
        """Write with ``writer``; ``log`` makes lines of other loggers' records."""
        super().__init__()
        self.writer = writer
        self._log = log
        self._mark = mark

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. Never blocks, never raises."""
        with contextlib.suppress(Exception):  # a message whose arguments do not fit it
            line = record.getMessage() if record.name == OURS else self._foreign(record)
            self.writer.put(self._mark(record.levelno, line))

    def _foreign(self, record: logging.LogRecord) -> str:
        """Return the line of a record that is not ours: asyncio's, a warning's. A traceback is part of it."""
        level = next(name for name, number in reversed(LEVELS.items()) if number <= max(record.levelno, 10))
        text = logging.Formatter().format(record)
        return self._log.line(level, clean(record.name), {"what": clean(text[:_MAX_FOREIGN])})


class WaitingStream(io.TextIOBase):
    """stderr for everything that prints there: each line goes to a function that does not block."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, put: Callable[[str], None]) -> None:
        """Give each line, without its LF, to ``put``."""
        super().__init__()
        self._put = put
        self._rest = ""

    def write(self, text: str) -> int:
        """Take text; what follows its last LF waits for the next one."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._put(line)
        return len(text)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of stderr."""
        return STDERR

    def isatty(self) -> bool:
        """Return whether stderr is a terminal."""
        return os.isatty(STDERR)
