"""Transaction: one transaction's messages get their numbers, and repeats those of their first coming.

Lives here: seq, ids, receipts. Does not live here: where a transaction begins and ends (store.py).
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass, field

from chatctl.journal import Draft, Receipt
from chatctl.protocol import Msg


def new_epoch() -> str:
    """Give a name that no other log has."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class RoomRecord:
    """One room in the store, as its newest transaction left it: entries ``first`` to ``last``."""

    id: int
    name: str
    epoch: str
    first: int = 1
    last: int = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """One transaction: the new entries of each room, and the receipts of each batch."""

    entries: dict[str, list[Msg]] = field(default_factory=dict)
    receipts: list[list[Receipt]] = field(default_factory=list)


class Transaction:
    """The work of one transaction. If it fails, this is thrown away and the shelves stand as they stood."""

    def __init__(self, db: sqlite3.Connection, shelves: dict[str, RoomRecord]) -> None:
        """Number on from where the shelves stand."""
        self._db = db
        self._shelves = shelves
        self._last: dict[str, int] = {}
        self._probed = False
        self.rows: list[tuple[int, int, float, str, str, bool]] = []
        self.result = Committed()

    def take(self, draft: Draft) -> Receipt:
        """Number the next draft, unless it only tests the way or was here before."""
        if not draft.trace:
            self._probed = True
            return Receipt(None, draft.time)
        shelf = self._shelves[draft.room]
        if not draft.anew:
            return self._coming(shelf.id, draft) or Receipt(None, draft.time)
        last = self._last.get(draft.room)
        seq = 1 + (shelf.last if last is None else last)
        if draft.token and draft.id:
            first = self._first_coming(shelf.id, draft, seq)
            if first is not None:
                return first
        self._last[draft.room] = seq
        self.rows.append((shelf.id, seq, draft.time, draft.nick, draft.text, draft.action))
        entry = Msg(seq, draft.time, draft.nick, draft.text, draft.action)
        self.result.entries.setdefault(draft.room, []).append(entry)
        return Receipt(seq, draft.time)

    def _first_coming(self, room: int, draft: Draft, seq: int) -> Receipt | None:
        insert = "INSERT INTO ids VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        if self._db.execute(insert, (room, draft.token, draft.id, seq, draft.time)).rowcount:
            return None
        return self._coming(room, draft)

    def _coming(self, room: int, draft: Draft) -> Receipt | None:
        """Give the receipt of what was said under this id."""
        key = (room, draft.token, draft.id)
        row = self._db.execute("SELECT seq, time FROM ids WHERE room = ? AND token = ? AND id = ?", key).fetchone()
        return Receipt(row[0], row[1], duplicate=True) if row is not None else None

    def finish(self) -> None:
        """Write what ``take`` collected."""
        self._db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", self.rows)
        if self._probed:
            self._db.execute("UPDATE probe SET tick = 1 - tick")
