"""Want of room: ways to have a running server's writes fail, from outside, and to have them succeed again."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tests.system.chaos.child import Child

_FILE_LIMIT = 8192
"""Bytes: the stamp fits in, nothing of a database or its WAL does."""

_PAGE = 4096


class Disk(Protocol):
    """Where the journal lies."""

    lasting: bool
    """Whether it stays full when the server is killed."""

    def fill(self, child: Child) -> None:
        """Have writes fail."""

    def free(self, child: Child | None) -> None:
        """Have them succeed."""


class FileLimit:
    """Not one byte beyond the first few may be written to any file, as with a quota that is used up (EFBIG).

    Needs no privilege, and leaves nothing behind. Linux only.
    """

    lasting = False

    def fill(self, child: Child) -> None:
        self._limit(child, _FILE_LIMIT)

    def free(self, child: Child | None) -> None:
        if child is not None:
            self._limit(child, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(child: Child, size: int) -> None:
        resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class SmallDisk:
    """A file system of its own that a big file fills to its last byte (ENOSPC)."""

    lasting = True

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, child: Child | None = None) -> None:
        with self._ballast.open("ab") as file:
            piece = 1 << 30
            while piece >= _PAGE:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), piece)
                except OSError:
                    piece //= 2

    def free(self, child: Child | None = None) -> None:
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int, mode: str = "0700") -> Iterator[SmallDisk | None]:
    """Mount a file system in memory at ``folder``; None if that is not permitted here."""
    options = f"size={megabytes}m,mode={mode}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
