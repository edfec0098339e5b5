"""Errors of SQLite: what each means, at start and while a server runs.

Lives here: which errors are temporary, which are fatal, and the line that reports each. Does not live here: how they
are handled (writer.py). Source: https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chatctl.common.crash_log import record
from chatctl.errors import ChatError, StorageFailed, reason_of
from chatctl.journal import RebuildCost
from chatctl.journal.work import RETRY_AFTER, JournalLost

SAFE_VERSION = (3, 51, 3)

_TEMPORARY = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_NOMEM}
)
"""Temporary errors: the transaction was rolled back, the file is unchanged, and the next one may succeed.

An exhausted quota and a disk that became read-only are reported as IOERR_WRITE. A failed write to the WAL is harmless:
the commit frame is written last, and frames without one are ignored. A failed *fsync* must never be in this set: the
kernel may have dropped the pages that it could not write, and the next fsync then reports success.
"""

_FATAL = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_INTERNAL,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOLFS,
    }
)
"""Fatal errors, as primary codes: the content of the file is unknown afterwards."""


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def is_temporary(error: BaseException) -> bool:
    """Return whether the disk is full or can't be written to at present; later transactions may succeed."""
    return isinstance(error, sqlite3.Error) and _code(error) in _TEMPORARY


def is_fatal(error: BaseException) -> bool:
    """Return whether the server has to end: this outcome is unknown, or no later one can be trusted."""
    if isinstance(error, JournalLost):
        return True
    return isinstance(error, sqlite3.Error) and not is_temporary(error) and _code(error) & 0xFF in _FATAL


def storage_failed(error: BaseException) -> StorageFailed:
    """Return the error for those whose drafts or facts were not stored. It names no path: it crosses the wire."""
    if not is_temporary(error):
        return StorageFailed(f"this can't be stored: {type(error).__name__}")
    full = _code(error) == sqlite3.SQLITE_FULL
    why = "the server's disk is full" if full else f"the server can't write to its disk ({_name(error)})"
    return StorageFailed(f"{why}: nothing was stored, try again later", retry_after=RETRY_AFTER)


def not_rebuilt(error: sqlite3.Error | OSError) -> StorageFailed:
    """Return the error of a rebuild that failed. It names no path: it crosses the wire."""
    what = describe(error) if isinstance(error, sqlite3.Error) else reason_of(error)
    return StorageFailed(f"the journal was not rebuilt and is used as it was: {what}")


def no_room(cost: RebuildCost) -> StorageFailed:
    """Return the error of a rebuild for which there is no space."""
    needed, free = cost.needed / (1 << 20), cost.free / (1 << 20)
    return StorageFailed(
        f"the journal was not rebuilt: that needs {needed:.1f} MiB beside it, and {free:.1f} MiB are free; make room, "
        "then 'chatctl admin compact --yes'"
    )


def fatal_error(path: Path, error: BaseException) -> ChatError:
    """Return the error that a server ends with. A fault of our own is written to the crash log."""
    if not isinstance(error, sqlite3.Error | OSError | JournalLost | ChatError):
        return ChatError(record(error))
    what = str(error) if isinstance(error, JournalLost) else describe(error)
    return ChatError(
        f"the journal {path} failed: {what}; nothing unsure was acknowledged; check the disk, then restart"
    )


def open_error(path: Path, error: sqlite3.Error | OSError) -> ChatError:
    """Return the error for a journal that can't be opened."""
    match _code(error) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return in_use(path)
        case sqlite3.SQLITE_NOTADB:
            return not_ours(path)
        case sqlite3.SQLITE_CORRUPT:
            return damaged(path, str(error))
        case sqlite3.SQLITE_FULL:
            return ChatError(f"cannot open the journal {path}: its disk is full")
    what = reason_of(error)
    return ChatError(
        f"cannot open the journal {path}: {what} (check that it is a file you may write, in such a folder, or "
        "name another with --journal)"
    )


def in_use(path: Path) -> ChatError:
    """Return the error for a file that another server has open."""
    return ChatError(f"the journal {path} is in use: stop the other server, or name another file with --journal")


def damaged(path: Path, detail: str) -> ChatError:
    """Return the error for a file that fails SQLite's checks or ours."""
    return ChatError(
        f"the journal {path} is damaged ({detail}): put a copy made by 'chatctl backup' in its place, "
        "or move it away to start with an empty one"
    )


def not_ours(path: Path) -> ChatError:
    """Return the error for a file that was never a journal."""
    return ChatError(f"{path} is not a chatctl journal: name another file with --journal")


def sqlite_defect(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> str | None:
    """Return a line for the log at ``-v`` if this SQLite has the WAL defect that 3.51.3 fixed, else None.

    No action is needed: see docs/reliability.md, "The version of SQLite".
    """
    if version >= SAFE_VERSION:
        return None
    number = ".".join(map(str, version))
    return (
        f"SQLite {number} can corrupt a database that several connections write at once (fixed in 3.51.3); the journal "
        "has one connection, which locks all others out"
    )


def read_error(error: sqlite3.Error) -> StorageFailed:
    """Return the error for a reader. It names no path: it crosses the wire."""
    return StorageFailed(f"the server can't read its journal: {describe(error)}")


def describe(error: BaseException) -> str:
    """Return an error's text and SQLite's name of it, for an operator."""
    return f"{error} ({_name(error)})"


def _name(error: BaseException) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)
