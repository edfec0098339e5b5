"""The stamp: a file beside the journal by which a journal that went back in time is recognised.

A database can't know that it is an older copy of itself: whatever it could hold, the copy holds too. So what it was
like last stands in a second file, ``rooms.db.stamp``: which log it is (the generation), how many messages it had,
whether it was closed, in which run of the machine. After every commit one line of it is overwritten in place, without
an fsync (3 µs): written after the commit, it may lag behind the journal and is never ahead of it.

What is recognised, and answered with new epochs:
- a copy, put in the journal's place or started elsewhere: another generation (``backup`` blanks it), fewer messages
  than the stamp says, or no stamp;
- a tail that was lost from the WAL: fewer messages than the stamp says;
- a machine that went down under a journal that is not synced at each commit (durability ``os``);
- a copy of the whole folder, stamp and all: the kernel sets a file's ctime and nobody can set it back, so a stamp
  that was not last changed when it says it was is a copy.
What is not: a snapshot of the whole file system or machine, put back. Delete the stamp then.
A doubt costs little: who resumes is told that the log is another one, and nobody is shown a wrong message for a number.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

import msgspec

from chatctl.common.files import sync_folder

_LENGTH = 512
"""Bytes of the one line. Less than a sector: it is written as a whole or not at all."""

_TOLERANCE = 3.0
"""Seconds between our clock and the file system's (FAT counts in twos)."""


class Mark(msgspec.Struct, frozen=True):
    """What the journal was like when the stamp was written. ``total`` is the sum of its rooms' last seqs."""

    generation: str
    total: int
    durability: str
    boot: str
    clean: bool
    written: float


def stamp_path(journal: Path) -> Path:
    """Give the stamp's place."""
    return journal.with_name(journal.name + ".stamp")


def boot_id() -> str:
    """Give the name of this run of the machine, or nothing where it can't be told."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def doubt(path: Path, generation: str, total: int, boot: str) -> str | None:
    """Say why a journal can't be taken for the one that was written here last.

    Args:
        path: the stamp's.
        generation: the journal's name for itself.
        total: how many messages it ever had, all rooms together.
        boot: this run of the machine.
    """
    try:
        mark = msgspec.json.decode(path.read_bytes(), type=Mark)
        changed = path.stat().st_ctime
    except FileNotFoundError:
        return "its stamp is missing, as it is beside a copy"
    except (OSError, ValueError):
        return "its stamp can't be read"
    if mark.generation != generation:
        return "it is a copy, or was made from a backup"
    if total < mark.total:
        return f"its last messages are missing ({mark.total - total} of them)"
    went_down = not mark.clean and (not boot or boot != mark.boot)
    if went_down:  # then the stamp's own times may be half on the disk, and prove nothing
        return "the machine went down, and may have lost its last messages" if mark.durability == "os" else None
    if sys.platform != "win32" and abs(changed - mark.written) > _TOLERANCE:
        return "its stamp was touched by somebody else, as in a copy of the folder"
    return None


class RollbackCheck:
    """Keeps the stamp of one open journal."""

    def __init__(self, path: Path, generation: str, total: int, durability: str, boot: str) -> None:
        """Write the first mark and have it on the disk before a message is."""
        self._mark = Mark(generation, total, durability, boot, clean=False, written=0.0)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(self._fd, _LENGTH)
            self._write(total)
            os.fsync(self._fd)
            sync_folder(path.parent)
        except BaseException:
            os.close(self._fd)
            raise

    def advance(self, total: int) -> None:
        """Note what was committed. If that fails, a lost tail is only harder to recognise."""
        with contextlib.suppress(OSError):
            self._write(total)

    def finish(self, total: int) -> None:
        """Note that the journal was closed in order."""
        with contextlib.suppress(OSError):
            self._write(total, clean=True)
            os.fsync(self._fd)
        self.leave()

    def leave(self) -> None:
        """Keep the stamp no more, as it is. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _write(self, total: int, *, clean: bool = False) -> None:
        mark = msgspec.structs.replace(self._mark, total=total, clean=clean, written=time.time())
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, msgspec.json.encode(mark).ljust(_LENGTH - 1) + b"\n")
