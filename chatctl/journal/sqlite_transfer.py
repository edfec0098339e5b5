"""Transfers out of a journal's file, and into a new one.

The new file has another name until it is complete (``rooms.db.copying``); what is in it by then is gone on with. Does
not live here: what is copied in which order (transfer.py).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from chatctl.common.files import publish, sync_folder
from chatctl.errors import ChatError, reason_of
from chatctl.journal.rollback_check import RollbackCheck, boot_id, stamp_path
from chatctl.journal.schema import closed_on_error, connect, discard_second_name, insist_on_journal, unfinished_path
from chatctl.journal.sqlite_errors import describe
from chatctl.journal.store import Store, mark_as_copy
from chatctl.journal.transaction import ENTRY_COLUMNS, entry_of
from chatctl.journal.transfer import IdRow, RoomState, State
from chatctl.protocol import Msg

_ROOMS = """
SELECT name, epoch, first, coalesce((SELECT max(seq) FROM messages WHERE room = rooms.id), first - 1),
    coalesce((SELECT min(seq) FROM ids WHERE room = rooms.id), first)
FROM rooms ORDER BY name
"""
_NEWEST = """
SELECT max(seq) FROM (SELECT max(seq) AS seq FROM messages WHERE room = ?
    UNION ALL SELECT max(seq) FROM ids WHERE room = ?)
"""
_UNFINISHED = ("copy", "from")
"""The fact that is in an unfinished copy only, and says of what. One that is finished and lacks its name only has what
its source has."""


class SqliteSource:
    """A file that no server has open, and that none can open meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open it with the checks of a server's start. Raises ChatError."""
        insist_on_journal(path)
        Store(path).close()  # a backup gets its new epochs here: they are not those of the log that it is from
        self._db = connect(path, check=False)

    def state(self) -> State:
        """Implement ``Source.state``."""
        return _state_of(self._db)

    def entries(self, room: str, after: int, to: int) -> Sequence[Msg]:
        """Implement ``Source.entries``."""
        return list(map(entry_of, self._rows("messages", ENTRY_COLUMNS, room, after, to)))

    def ids(self, room: str, after: int, to: int) -> Sequence[IdRow]:
        """Implement ``Source.ids``."""
        return self._rows("ids", "token, id, seq, time", room, after, to)

    def _rows(self, table: str, columns: str, room: str, after: int, to: int) -> list[tuple[bytes, str, int, float]]:
        within = "room = (SELECT id FROM rooms WHERE name = ?) AND seq > ? AND seq <= ? ORDER BY seq"
        return self._db.execute(f"SELECT {columns} FROM {table} WHERE {within}", (room, after, to)).fetchall()  # noqa: S608 — constants

    def leave(self) -> None:
        """Implement ``Source.leave``."""
        mark_as_copy(self._db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _state_of(db: sqlite3.Connection) -> State:
    ends = db.execute("SELECT name, ends.epoch, last FROM ends JOIN rooms ON room = id ORDER BY ends.rowid").fetchall()
    facts = db.execute("SELECT kind, key, value FROM facts ORDER BY kind, key").fetchall()
    return State([RoomState(*row) for row in db.execute(_ROOMS)], ends, facts)


class SqliteCopy:
    """A file that a journal is written into. Without a generation of its own, it gets new epochs when it is opened."""

    generation = ""

    def __init__(self, path: Path) -> None:
        """Write to ``path``, which may have an unfinished copy."""
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._numbers: dict[str, int] = {}

    @property
    def _open(self) -> sqlite3.Connection:
        assert self._db is not None, "begin opens it"
        return self._db

    def begin(self, state: State) -> Mapping[str, int]:
        """Implement ``Target.begin``."""
        db = connect(self.path)
        with closed_on_error(db, self.path):
            if not db.execute("SELECT 1 FROM rooms UNION ALL SELECT 1 FROM facts").fetchone():
                _make(db, state)
            found = db.execute("SELECT value FROM facts WHERE (kind, key) = (?, ?)", _UNFINISHED).fetchone()
            if (found[0] if found is not None else _state_of(db).fingerprint()) != state.fingerprint():
                raise ChatError(
                    f"{self.path} was begun with another source, or one that has changed since: remove it, and copy "
                    "anew"
                )
            self._numbers = dict(db.execute("SELECT name, id FROM rooms"))
            done = {name: db.execute(_NEWEST, (number, number)).fetchone()[0] for name, number in self._numbers.items()}
        self._db = db
        return {name: last for name, last in done.items() if last is not None}

    def put(self, room: str, entries: Sequence[Msg], ids: Sequence[IdRow]) -> None:
        """Implement ``Target.put``."""
        number, db = self._numbers[room], self._open
        rows = [(number, one.seq, one.time, one.nick, one.text, one.action) for one in entries]
        with _told(self.path):
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT OR IGNORE INTO ids VALUES (?, ?, ?, ?, ?)", [(number, *row) for row in ids])
            db.execute("COMMIT")

    def finish(self, state: State) -> None:
        """Implement ``Target.finish``."""
        db = self._open
        ends = [(self._numbers[room], epoch, last) for room, epoch, last in state.ends]
        with _told(self.path):
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM facts")
            db.executemany("INSERT INTO facts VALUES (?, ?, ?)", state.facts)
            db.executemany("INSERT OR REPLACE INTO ends VALUES (?, ?, ?)", ends)
            mark_as_copy(db, self.generation)
            db.execute("COMMIT")
            db.close()  # with its log written back, and removed

    def close(self) -> None:
        """Close the file, complete or not."""
        if self._db is not None:
            self._db.close()


def _make(db: sqlite3.Connection, state: State) -> None:
    db.execute("BEGIN IMMEDIATE")
    rooms = [(number, room.name, room.epoch, room.first) for number, room in enumerate(state.rooms, 1)]
    db.executemany("INSERT INTO rooms VALUES (?, ?, ?, ?)", rooms)
    db.execute("INSERT INTO facts VALUES (?, ?, ?)", (*_UNFINISHED, state.fingerprint()))
    db.execute("COMMIT")


class SqliteTarget(SqliteCopy):
    """A new journal, in which the log goes on under its epochs."""

    def __init__(self, path: Path) -> None:
        """Write to ``path``, under another name until it is complete."""
        super().__init__(unfinished_path(path))
        self.generation = secrets.token_hex(16)
        self._final = path

    def begin(self, state: State) -> Mapping[str, int]:
        """Implement ``Target.begin``."""
        if os.path.lexists(self._final):
            with _told(self.path):
                discard_second_name(self._final)  # the run before was complete, and killed
            raise _taken(self._final)
        if not self._final.absolute().parent.is_dir():  # a volume that is not mounted, or a slip of the keyboard
            raise ChatError(f"cannot write {self._final}: there is no folder {self._final.absolute().parent}")
        return super().begin(state)

    def finish(self, state: State) -> None:
        """Implement ``Target.finish``."""
        super().finish(state)
        total = sum(room.last for room in state.rooms)
        with _told(self.path):
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())
            try:
                publish(self.path, self._final)
            except FileExistsError:
                raise _taken(self._final) from None
            discard_second_name(self._final)
            sync_folder(self._final.parent)
            RollbackCheck(stamp_path(self._final), self.generation, total, "disk", boot_id()).finish(total)


def _taken(path: Path) -> ChatError:
    return ChatError(f"the file {path} already exists: a copy does not overwrite one")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Make errors of SQLite and the disk ours. What was copied by then stays there, to be gone on with."""
    try:
        yield
    except sqlite3.Error as error:
        raise ChatError(f"cannot write the copy {path}: {describe(error)}") from None
    except OSError as error:
        raise ChatError(f"cannot write the copy {path}: {reason_of(error)}") from None
