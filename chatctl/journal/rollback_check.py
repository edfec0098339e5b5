"""Rollback check: recognises a journal that was replaced by an older state of itself.

A database can't know that it is an older copy of itself: the copy holds all that it could compare with. So its last
state is kept in a second file, the stamp (``rooms.db.stamp``): which log it is (the generation), how many messages it
had, whether it was closed, in which boot of the machine. After every commit its one line is overwritten in place,
without an fsync (3 µs). Being written after the commit, it may lag behind the journal and is never ahead of it.

These are recognised, and the rooms get new epochs:
- a copy, put in the journal's place or opened elsewhere: another generation (``backup`` blanks it), fewer messages than
  the stamp says, or no stamp;
- a lost tail of the WAL: fewer messages than the stamp says;
- a crash of the machine under a journal that is not synced at each commit (durability ``os``);
- a copy of the whole folder with its stamp: the kernel sets a file's ctime and no program can set it back, so a stamp
  that was not last changed when it says it was is a copy.

A restored snapshot of the whole file system or machine is not recognised: delete the stamp then.

Some of these are doubts, not proofs: chmod, a hard link and mv change a ctime, too. A false alarm costs nothing but a
new name: the journal keeps where the old epoch ended (``Journal.end_of``), and a cursor of it goes on in the new one
where it stood. If it did go back, the cursor goes on where the two logs part. So no number ever stands for a wrong
message, and no message is skipped.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import msgspec

from chatctl.common.file_reads import read_file
from chatctl.common.files import open_own, sync_folder

_LENGTH = 512
"""Bytes of the stamp's line. One sector: it is written as a whole or not at all."""

_TOLERANCE = 3.0
"""Seconds by which a time that was written and the file system's own may differ (FAT's resolution is two)."""


class Mark(msgspec.Struct, frozen=True):
    """The journal's state when the stamp was written, at ``written`` by the file system's clock (Unix seconds).

    ``total`` is the sum of its rooms' last seqs.
    """

    generation: str
    total: int
    durability: str
    boot: str
    clean: bool
    written: float


def stamp_path(journal: Path) -> Path:
    """Return the path of the journal's stamp."""
    return journal.with_name(journal.name + ".stamp")


def boot_id() -> str:
    """Return an identifier of this boot of the machine; empty if the system has none."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def find_rollback(path: Path, generation: str, total: int, boot: str) -> str | None:
    """Return why a journal may not be the one that was last written here, in words; None if it is.

    Args:
        path: of the stamp.
        generation: of the journal.
        total: messages it ever had, in all rooms together.
        boot: see ``boot_id``.
    """
    try:
        mark = msgspec.json.decode(read_file(path), type=Mark)
        changed = path.stat().st_ctime
    except FileNotFoundError:
        return "its stamp is missing, as it is beside a copy"
    except (OSError, ValueError):
        return "its stamp can't be read"
    if mark.generation != generation:
        return "it was copied with 'chatctl journal copy', or is a copy or a backup"
    if total < mark.total:
        return f"its last messages are missing ({mark.total - total} of them)"
    went_down = not mark.clean and (not boot or boot != mark.boot)
    if went_down:  # then the stamp itself may be half on the disk, and its times prove nothing
        return "the machine went down, and may have lost its last messages" if mark.durability == "os" else None
    if abs(changed - mark.written) > _TOLERANCE:
        return "its stamp was touched by somebody else, as in a copy of the folder"
    return None


class RollbackCheck:
    """Keeps the stamp of one open journal up to date."""

    def __init__(self, path: Path, generation: str, total: int, durability: str, boot: str) -> None:
        """Write the first mark and sync it before the first message."""
        self._mark = Mark(generation, total, durability, boot, clean=False, written=0.0)
        self._skew = 0.0
        self._fd = open_own(path, os.O_RDWR)
        try:
            os.ftruncate(self._fd, _LENGTH)
            self._measure()
            self._write(total)
            os.fsync(self._fd)
            sync_folder(path.parent)
        except BaseException:
            os.close(self._fd)
            raise

    def advance(self, total: int) -> None:
        """Record what was committed. If that fails, only a lost tail is harder to recognise."""
        with contextlib.suppress(OSError):
            self._write(total)

    def finish(self, total: int) -> None:
        """Record that the journal was closed cleanly."""
        with contextlib.suppress(OSError):
            self._measure()
            self._write(total, clean=True)
            os.fsync(self._fd)
        self.leave()

    def leave(self) -> None:
        """Close the stamp without changing it. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _measure(self) -> None:
        """Note by how much the file system's clock is ahead of ours: a server of files has its own."""
        self._write(self._mark.total)
        self._skew = os.fstat(self._fd).st_ctime - time.time()

    def _write(self, total: int, *, clean: bool = False) -> None:
        mark = msgspec.structs.replace(self._mark, total=total, clean=clean, written=time.time() + self._skew)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, msgspec.json.encode(mark).ljust(_LENGTH - 1) + b"\n")
