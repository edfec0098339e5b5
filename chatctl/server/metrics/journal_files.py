"""The sizes of a journal's files, looked at in a thread: a disk that hangs must hold up nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 1.0
"""How long a look may take. Longer ones are not waited for, and there are no sizes."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a journal's files, and bytes that are free beside them."""

    database: int
    wal: int
    free: int


class JournalFiles:
    """The files of one journal; there are none for a journal in memory or in a database engine."""

    def __init__(self, path: Path | None) -> None:
        """Look at nothing yet."""
        self.sizes: Sizes | None = None
        """As of the last look; None: it did not succeed."""
        self._path = path
        self._looking: asyncio.Future[Sizes | None] | None = None

    async def look(self) -> None:
        """Set ``sizes`` anew. While an earlier look hangs there is no other one."""
        if self._path is None:
            return
        if self._looking is None or self._looking.done():
            self._looking = _in_thread(self._path)
        done, _ = await asyncio.wait([self._looking], timeout=LOOK_SECONDS)
        self.sizes = self._looking.result() if done else None


def _in_thread(path: Path) -> asyncio.Future[Sizes | None]:
    """Look in a thread that nobody waits for at the end of the process."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sizes | None] = loop.create_future()

    def look() -> None:
        sizes = sizes_of(path)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(found.set_result, sizes)

    threading.Thread(target=look, name="journal's files", daemon=True).start()
    return found


def sizes_of(path: Path) -> Sizes | None:
    """Return the sizes of the journal in this file; None if they can't be had."""
    try:
        disk = os.statvfs(path.parent)
        wal = path.with_name(path.name + "-wal")
        return Sizes(path.stat().st_size, wal.stat().st_size if wal.exists() else 0, disk.f_bavail * disk.f_frsize)
    except OSError:
        return None
