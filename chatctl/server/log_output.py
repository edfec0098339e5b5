"""Where the log's lines end: stderr, or a file that logrotate may move or cut.

Lives here: writing bytes to either, as far as that goes. Does not live here: when, and what is done about a failure
(log_writer.py). Called by the log's thread alone: these block.
"""

from __future__ import annotations

import os
import select
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from chatctl.common.files import open_own
from chatctl.errors import ChatError, reason_of

STDERR = 2


class Output(Protocol):
    """A place that takes bytes."""

    def write(self, data: bytes) -> int:
        """Write what can be written of ``data``, at least a byte; return how many were. Raises OSError."""


class Descriptor:
    """A descriptor that is there already, as stderr is."""

    def __init__(self, number: int) -> None:
        """Write to descriptor ``number``."""
        self._number = number

    def write(self, data: bytes) -> int:
        """Implement ``Output.write``. Blocks until there is room, also where the descriptor is non-blocking."""
        while True:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # a process that shares it made it non-blocking
                select.select([], [self._number], [])


class LogFile:
    """A file that lines are added to. One that was moved or deleted is made anew at the next line.

    ``copytruncate`` needs nothing: each write goes to what is the end then.
    """

    def __init__(self, path: Path) -> None:
        """Open it; if it is not there, make it (0600 under the server's umask).

        Raises:
            ChatError: it can't be opened, or is none that ``open_own`` takes: a pipe or a terminal may have no reader.
        """
        self._path = path.absolute()
        try:
            self._fd = _open_log(self._path)
        except OSError as error:
            why = reason_of(error)
            raise ChatError(f"cannot write the log in {path}: {why} (name another file with --log-file)") from None

    def write(self, data: bytes) -> int:
        """Implement ``Output.write``."""
        self._follow_name()
        return os.write(self._fd, data)

    def _follow_name(self) -> None:
        """Open what has the name now, if that is another file; go on with the one that is open if that fails."""
        ours = os.fstat(self._fd)
        try:
            named = self._path.stat()
            if (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino):
                return
        except OSError:
            pass
        try:
            new = _open_log(self._path)
        except OSError:
            return
        os.close(self._fd)
        self._fd = new


def _open_log(path: Path) -> int:
    return open_own(path, os.O_WRONLY | os.O_APPEND)


def is_journal(environ: Mapping[str, str]) -> bool:
    """Return whether stderr is the journal of systemd, which takes a priority in front of a line (sd-daemon(3))."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(STDERR)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))
