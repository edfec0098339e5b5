"""Numbering: the messages of one transaction get their numbers, and repeats the receipt of the first one.

Lives here: seq, ids, receipts, the columns of an entry. Does not live here: where a transaction begins and ends
(store.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from chatctl.journal import Draft, FactKey, Receipt
from chatctl.journal.records import Committed, RoomRecord
from chatctl.protocol import Msg

ENTRY_COLUMNS = "seq, time, nick, text, action"
_ENTRY_TYPES = (int, float, str, str, int)

_FIRST = (
    "SELECT ids.seq, ids.time, nick, text, action FROM ids LEFT JOIN messages USING (room, seq)"
    " WHERE room = ? AND token = ? AND id = ?"
)

Row = tuple[Any, ...]


class WrongType(sqlite3.DatabaseError):
    """A value that is not of its column's type: SQLite stores any value in any column, and we wrote none of that."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    sqlite_errorname = "SQLITE_CORRUPT"


def insist_on_types(row: Row, types: Sequence[type]) -> Row:
    """Return a row whose values are of these types. Raises WrongType."""
    if tuple(map(type, row)) != types:
        raise WrongType("a value is not of its column's type")
    return row


def entry_of(row: Row) -> Msg:
    """Return the entry that a row of ``ENTRY_COLUMNS`` holds. Raises WrongType."""
    seq, time, nick, text, action = insist_on_types(row, _ENTRY_TYPES)
    return Msg(seq, time, nick, text, bool(action), redacted=not nick)  # nobody has an empty name


class Transaction:
    """The work of one transaction. If that fails, this is dropped, and the room records are unchanged."""

    def __init__(self, db: sqlite3.Connection, rooms: dict[str, RoomRecord]) -> None:
        """Number on from the last entry of each room."""
        self._db = db
        self._rooms = rooms
        self._last: dict[str, int] = {}
        self._probed = False
        self._rows: list[tuple[int, int, float, str, str, bool]] = []
        self.written = 0
        """Entries that were written into the database."""
        self.facts: dict[FactKey, str] = {}
        """The numbers that are to be kept as facts."""
        self.result = Committed()

    def add(self, draft: Draft) -> Receipt:
        """Number the next draft, unless it is a probe or a repeat."""
        receipt = self._number(draft)
        if draft.seq_fact is not None and receipt.seq is not None and not receipt.reused:
            self.facts[draft.seq_fact] = str(receipt.seq)
        return receipt

    def _number(self, draft: Draft) -> Receipt:
        if not draft.persist:
            self._probed = True
            return Receipt(None, draft.time)
        room = self._rooms[draft.room]
        if not draft.append:
            return self._find_first(room.id, draft) or Receipt(None, draft.time)
        seq = 1 + self._last.get(draft.room, room.last)
        if draft.token and draft.id and not self._keep_id(room.id, draft, seq):
            first = self._find_first(room.id, draft)
            assert first is not None, "a row is in the way and is not there"
            return first
        self._last[draft.room] = seq
        self._rows.append((room.id, seq, draft.time, draft.nick, draft.text, draft.action))
        entry = Msg(seq, draft.time, draft.nick, draft.text, draft.action)
        self.result.entries.setdefault(draft.room, []).append(entry)
        return Receipt(seq, draft.time)

    def _keep_id(self, room: int, draft: Draft, seq: int) -> bool:
        """Store the id with its number. Return False if it has one."""
        insert = "INSERT INTO ids VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return self._db.execute(insert, (room, draft.token, draft.id, seq, draft.time)).rowcount > 0

    def _find_first(self, room: int, draft: Draft) -> Receipt | None:
        """Return the receipt of the first message with this id.

        What was deleted or redacted can't be compared any more: then whatever has its id is its duplicate.
        """
        self._write_rows()  # it may be one of them
        row = self._db.execute(_FIRST, (room, draft.token, draft.id)).fetchone()
        if row is None:
            return None
        seq, time, nick, text, action = row
        same = not nick or (text, bool(action)) == (draft.text, draft.action)
        return Receipt(seq, time, duplicate=same, reused=not same)

    def _write_rows(self) -> None:
        self._db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", self._rows)
        self.written += len(self._rows)
        self._rows.clear()

    def write(self) -> None:
        """Write what ``add`` collected."""
        self._write_rows()
        if self._probed:
            self._db.execute("UPDATE probe SET tick = 1 - tick")
