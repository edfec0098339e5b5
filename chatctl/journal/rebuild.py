"""Rebuilding a journal: all that it holds is copied into a new file, which then takes the old one's place.

Why: SQLite leaves copies of rows in unused parts of its pages when it splits them, and ``secure_delete`` does not clear
these. A text that was emptied is gone for sure only with the file. It also turns a journal of an earlier version into
one that gives unused pages back (``auto_vacuum``).

It goes in pieces, between which the caller commits and reads; what was appended meanwhile is copied at the end. Does
not live here: which file is used (store.py).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chatctl.common.files import create_file, sync_folder
from chatctl.errors import ChatError
from chatctl.journal.records import RoomRecord
from chatctl.journal.schema import APPLICATION_ID, MIGRATIONS, NEW_FILE, Connection, Durability, connect
from chatctl.journal.sqlite_errors import damaged, describe, is_fatal
from chatctl.journal.work import JournalLost

_PIECE = 1_000
"""Entries that are copied between two commits (5 ms)."""

_REOPEN_SECONDS = 30.0
"""How long to wait for who opens the journal between two connections of ours: a backup or an export lets go of it."""

_SMALL_TABLES = ("meta", "probe", "rooms", "facts", "ends")
"""Copied at the end, as they are then. The largest, facts, has 100,000 claims at most (0.3 s)."""


def rebuild_path(journal: Path) -> Path:
    """Return the path of the new file while it is written."""
    return journal.with_name(journal.name + ".new")


def discard(journal: Path) -> None:
    """Remove a new file that was not finished, as a killed server leaves it. Raises OSError."""
    for suffix in ("", "-journal"):
        path = rebuild_path(journal)
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class Rebuild:
    """One new file, from the first piece to the last."""

    def __init__(self, source: sqlite3.Connection, journal: Path) -> None:
        """Create the file (0600) and its tables. Raises sqlite3.Error and OSError."""
        self._source = source
        self._journal = journal
        self._done: dict[int, int] = {}  # the seq up to which a room was copied, by its id
        self._changed: set[tuple[int, int]] = set()
        discard(journal)
        self.path = rebuild_path(journal)
        create_file(self.path, b"", durable=True)
        self._copy = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._copy.executescript(NEW_FILE)
        # Until it is finished it is good for nothing: nothing to roll back by. Synced piece by piece, not all at once.
        self._copy.execute("PRAGMA journal_mode = OFF")
        self._copy.execute("PRAGMA synchronous = NORMAL")
        for statements in MIGRATIONS:
            for statement in statements:
                self._copy.execute(statement)
        self._copy.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._copy.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def run(self, rooms: Mapping[str, RoomRecord], between: Callable[[], None]) -> None:
        """Copy everything, and call ``between`` after each piece, which may append, redact, keep facts and read.

        Nothing may be trimmed meanwhile. Returns right after the last piece; the file is synced and closed.

        Raises:
            sqlite3.Error: the old file can't be read, or the new one not written.
            ChatError: entries are missing in the old file.
        """
        while (left := self._left(rooms)) > _PIECE:
            for record in list(rooms.values()):
                while self._piece(record):
                    between()
        for record in rooms.values() if left else ():
            while self._piece(record):
                pass
        self._finish()

    def take_place(self, old: Connection, durability: Durability) -> tuple[Connection, OSError | None]:
        """Put the finished file in the journal's place, at once or not at all.

        Returns:
            A connection to the journal's file, and why that is still the old one, if it is: a mounted file, say,
            can't be replaced.

        Raises:
            sqlite3.Error: the old file can't be left now; it is unchanged and still open.
            JournalLost: neither can be used any more.
        """
        try:
            [(busy, _, _)] = old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if busy:
                raise sqlite3.OperationalError("its write-ahead log could not be emptied")
        except sqlite3.Error as error:
            if is_fatal(error):
                raise JournalLost(describe(error)) from error
            raise
        refused = None
        try:
            old.close()  # with its WAL: beside another database it would be replayed into that
            try:
                self.path.replace(self._journal)
                sync_folder(self._journal.parent)
            except OSError as error:
                refused = error
            return connect(self._journal, durability, check=False, wait=_REOPEN_SECONDS), refused
        except (ChatError, sqlite3.Error) as error:
            raise JournalLost(f"its rebuilt file could not take its place: {error}") from error

    def changed(self, room: int, seqs: Sequence[int]) -> None:
        """Note that entries were changed: those that were copied already are copied again."""
        self._changed.update((room, seq) for seq in seqs)

    def close(self) -> None:
        """Close the new file, and remove it unless it has taken the old one's place."""
        self._copy.close()
        discard(self._journal)

    def _left(self, rooms: Mapping[str, RoomRecord]) -> int:
        return sum(record.last - self._copied_to(record) for record in list(rooms.values()))

    def _copied_to(self, record: RoomRecord) -> int:
        """Return the seq up to which a room was copied; at first the one before its first row: of an id, perhaps."""
        if record.id not in self._done:
            query = "SELECT min(seq) FROM ids WHERE room = ?"
            [(oldest,)] = self._source.execute(query, (record.id,))
            self._done[record.id] = min(record.first, record.first if oldest is None else oldest) - 1
        return self._done[record.id]

    def _piece(self, record: RoomRecord) -> bool:
        """Copy a room's next entries and ids; return whether there were any."""
        after = self._copied_to(record)
        to = min(after + _PIECE, record.last)
        if to <= after:
            return False
        rows = self._rows("messages", record.id, after, to)
        if len(rows) != to - max(after, record.first - 1) and to >= record.first:
            raise damaged(self._journal, f"room {record.name} has holes")
        with self._copy:
            self._copy.execute("BEGIN")
            self._copy.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._copy.executemany("INSERT INTO ids VALUES (?, ?, ?, ?, ?)", self._rows("ids", record.id, after, to))
        self._done[record.id] = to
        return True

    def _rows(self, table: str, room: int, after: int, to: int) -> list[tuple[object, ...]]:
        query = f"SELECT * FROM {table} WHERE room = ? AND seq > ? AND seq <= ?"  # noqa: S608 — one of two
        return self._source.execute(query, (room, after, to)).fetchall()

    def _finish(self) -> None:
        with self._copy:
            self._copy.execute("BEGIN")
            for room, seq in self._changed:
                self._copy.execute("DELETE FROM messages WHERE room = ? AND seq = ?", (room, seq))
                rows = self._rows("messages", room, seq - 1, seq)
                self._copy.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
            for table in _SMALL_TABLES:
                rows = self._source.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 — one of these
                self._copy.execute(f"DELETE FROM {table}")  # noqa: S608
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    self._copy.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
        self._copy.close()
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
