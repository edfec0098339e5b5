"""The output of the program of ``run`` on its way to ours: at once, or kept until it is known how the program ended.

What can't be written is lost, and told. A reader that is gone is no loss: the program then gets SIGPIPE, as without us.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Protocol

from chatctl.cli.output import write_all
from chatctl.errors import reason_of

_NOBODY_READS = (errno.EPIPE, errno.EBADF)
_IN_MEMORY = 1 << 20
_PIECE = 1 << 16
_STREAMS = {1: "stdout", 2: "stderr"}


class Output(Protocol):
    """Takes what the program writes."""

    def write(self, stream: int, data: bytes) -> bool:
        """Take output for stdout, 1, or stderr, 2. Return False if nobody reads that any more."""

    def finish(self, status: int) -> str:
        """Write what was kept, where it has to be written; return what was lost and why, or nothing.

        Args:
            status: the program's exit status.
        """


class PassedOn:
    """Writes it to ours at once. After the first failure the rest of that stream is left out."""

    def __init__(self) -> None:
        """Nothing is lost yet."""
        self._lost: dict[int, str] = {}

    def write(self, stream: int, data: bytes) -> bool:
        """Write it, or leave it out."""
        if stream in self._lost:
            return True
        try:
            write_all(stream, data)
        except OSError as error:
            if error.errno in _NOBODY_READS:
                return False
            self._lost[stream] = reason_of(error)
        return True

    def finish(self, _status: int) -> str:
        """Return what was lost."""
        streams = " and ".join(_STREAMS[stream] for stream in sorted(self._lost))
        return f"{streams} could not be written: {next(iter(self._lost.values()))}" if streams else ""


class KeptUntilFailure:
    """Keeps it, and writes it only if the program fails: first all of stdout, then all of stderr.

    Where it can't be kept, it is written at once from then on.
    """

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._kept = {1: _Spool(), 2: _Spool()}
        self._direct: PassedOn | None = None

    def write(self, stream: int, data: bytes) -> bool:
        """Keep it."""
        if self._direct is None:
            try:
                self._kept[stream].write(data)
            except OSError:  # better too much output than too little
                self._direct = self._release()
            else:
                return True
        return self._direct.write(stream, data)

    def finish(self, status: int) -> str:
        """Write what was kept if the program failed."""
        if self._direct is None and status != 0:
            self._direct = self._release()
        return self._direct.finish(status) if self._direct is not None else ""

    def _release(self) -> PassedOn:
        direct = PassedOn()
        for stream, spool in self._kept.items():
            for piece in spool.pieces():
                direct.write(stream, piece)
        return direct


class _Spool:
    """Bytes in memory, and from 1 MiB on in a file without a name."""

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append all of it or nothing. Raises OSError."""
        if self._file is None and len(self._memory) + len(data) <= _IN_MEMORY:
            self._memory += data
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 — until the program has ended
        write_all(self._file.fileno(), data)
        self._size += len(data)

    def pieces(self) -> Iterator[bytes]:
        """Yield what was written."""
        yield bytes(self._memory)
        for at in range(0, self._size, _PIECE):
            assert self._file is not None, "it has a size"
            yield os.pread(self._file.fileno(), min(_PIECE, self._size - at), at)
