"""Storage in trouble: what an error of SQLite means, at start and while a server runs.

Lives here: which errors pass, which end a server, and the one line that says so. Does not live here: what is done
about it (writer.py). Source: https://www.sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from chatctl.errors import ChatError, StorageFailed, reason_of

RETRY_AFTER = 5.0
"""Seconds after which a sender may try again while the disk is full. Every attempt finds out anew."""

SAFE_VERSION = (3, 51, 3)

_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_NOMEM, sqlite3.SQLITE_NOMEM})
"""The transaction was rolled back and the file is as it was: the next one may well succeed.

A quota that is used up and a disk gone read-only come as IOERR_WRITE. A write that fails is harmless in a WAL: without
its commit frame, which is written last, nothing before it counts. A failed *fsync* is not in here and never may be:
the kernel may have dropped the pages it could not write, and the next fsync then reports success.
"""

_ENDS = frozenset(
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
"""Primary codes after which nobody knows what the file holds."""


class JournalLost(Exception):
    """The file is not what the journal takes it for any more. Ends the server like an error of the disk."""


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def passes(error: BaseException) -> bool:
    """Whether the storage has no room now, and takes more again when there is."""
    return isinstance(error, sqlite3.Error) and _code(error) in _FULL


def ends(error: BaseException) -> bool:
    """Whether the server has to end: the outcome is unknown, or no later one can be trusted."""
    if isinstance(error, JournalLost):
        return True
    return isinstance(error, sqlite3.Error) and not passes(error) and _code(error) & 0xFF in _ENDS


def no_room(error: BaseException) -> StorageFailed:
    """Give what senders are told. It names no path: it crosses the wire."""
    full = _code(error) == sqlite3.SQLITE_FULL
    why = "the server's disk is full" if full else f"the server can't write to its disk ({_name(error)})"
    return StorageFailed(f"{why}: nothing was stored, try again later", retry_after=RETRY_AFTER)


def unfit(error: BaseException) -> StorageFailed:
    """Give what the sender of something that can't be stored at all is told."""
    return StorageFailed(f"this can't be stored: {type(error).__name__}")


def fatal(path: Path, error: BaseException) -> ChatError:
    """Give the line that a server ends with."""
    what = str(error) if isinstance(error, JournalLost) else describe(error)
    return ChatError(
        f"the journal {path} failed: {what}; nothing unsure was acknowledged; check the disk, then restart"
    )


def refusal(path: Path, error: sqlite3.Error | OSError) -> ChatError:
    """Give the line with which a journal is refused at start."""
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
    """Give the line for a file that another server has open."""
    return ChatError(f"the journal {path} is in use: stop the other server, or name another file with --journal")


def damaged(path: Path, detail: str) -> ChatError:
    """Give the line for a file that lost its form."""
    return ChatError(
        f"the journal {path} is damaged ({detail}): put a copy made by 'chatctl backup' in its place, "
        "or move it away to start with an empty one"
    )


def not_ours(path: Path) -> ChatError:
    """Give the line for a file that was never a journal."""
    return ChatError(f"{path} is not a chatctl journal: name another file with --journal")


def sqlite_defect(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> str | None:
    """Return a line for the log at ``-v`` if this SQLite has the WAL defect that 3.51.3 fixed, else None.

    Nobody has to act on it: see docs/reliability.md, "The version of SQLite".
    """
    if version >= SAFE_VERSION:
        return None
    number = ".".join(map(str, version))
    return (
        f"SQLite {number} can corrupt a database that several connections write at once (fixed in 3.51.3); the journal "
        "has one connection, which locks all others out"
    )


def unreadable(error: sqlite3.Error) -> StorageFailed:
    """Give what a reader is told. It names no path: it crosses the wire."""
    return StorageFailed(f"the server can't read its journal: {describe(error)}")


def describe(error: BaseException) -> str:
    """Name an error for an operator."""
    return f"{error} ({_name(error)})"


def _name(error: BaseException) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)
