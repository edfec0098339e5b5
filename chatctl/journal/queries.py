"""Queries: what is read of an open journal.

Does not live here: anything that writes (store.py).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from chatctl.common.sizes import fitting
from chatctl.common.text_search import Looked, Query, look_through
from chatctl.journal.records import RoomRecord
from chatctl.journal.schema import Connection
from chatctl.journal.sqlite_errors import damaged
from chatctl.journal.transaction import ENTRY_COLUMNS, entry_of, insist_on_types
from chatctl.protocol import Msg

PAGE = 4096
"""Bytes of one page of the database."""

SEARCH_SECONDS = 0.02
"""How long one look through a part of a log may keep the thread from committing."""

_CANDIDATES = (
    f"SELECT {ENTRY_COLUMNS} FROM messages WHERE room = ? AND seq > ? AND seq < ?"  # noqa: S608 — constants
    # SQLite folds ASCII alone. Any other text, and one with a NUL, has more bytes than SQLite counts characters.
    " AND (instr(lower(text), ?) OR length(text) <> length(CAST(text AS BLOB))) ORDER BY seq DESC"
)
"""Entries that a search may find: Python looks at these alone, and the interpreter is free while SQLite looks."""


class Queries:
    """The reading half of a store."""

    path: Path
    rooms: dict[str, RoomRecord]
    _db: Connection

    def read(self, room: str, after: int, limit: int, most: int | None = None, newest: bool = False) -> Sequence[Msg]:
        """Return entries as ``Journal.read``. Rows behind ``most`` bytes are not fetched."""
        record = self.rooms.get(room)
        if record is None or limit <= 0:
            return []
        order = "ORDER BY seq DESC" if newest else "ORDER BY seq"
        query = f"SELECT {ENTRY_COLUMNS} FROM messages WHERE room = ? AND seq > ? AND seq <= ? {order}"  # noqa: S608 — constants
        last = limit + (after if newest else max(after, record.first - 1))
        rows = self._db.execute(query, (record.id, after, min(last, record.last)))
        with contextlib.closing(rows):
            entries = fitting(map(entry_of, rows), most)
        return entries[::-1] if newest else entries

    def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Look through a part of a log as ``Journal.search``."""
        record = self.rooms.get(room)
        if record is None:
            return Looked([], after + 1, None)
        until = time.monotonic() + SEARCH_SECONDS
        with contextlib.closing(self._db.execute(_CANDIDATES, (record.id, after, before, query.text))) as rows:
            found, stopped = look_through(map(entry_of, rows), query, limit, lambda: time.monotonic() >= until)
        if stopped is not None:
            return Looked(found, stopped.seq, stopped.time)
        oldest = "SELECT time FROM messages WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT 1"
        row = self._db.execute(oldest, (record.id, after, before)).fetchone()
        return Looked(found, after + 1, row and row[0])

    def authors(self, room: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Return seq and nickname of at most ``limit`` kept entries that follow number ``after``."""
        query = "SELECT seq, nick FROM messages WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?"
        return self._db.execute(query, (self.rooms[room].id, after, limit)).fetchall()

    def token_of(self, room: str, seq: int) -> bytes | None:
        """Return the hash of the token that an entry was said with, as ``Journal.token_of``."""
        query = "SELECT token FROM ids WHERE room = ? AND seq = ?"
        row = self._db.execute(query, (self.rooms[room].id, seq)).fetchone()
        return bytes(row[0]) if row is not None else None

    def count_older(self, record: RoomRecord, older: float) -> int:
        """Return how many entries of a room have a time (Unix seconds) before ``older``: 60 ms for a million."""
        query = "SELECT count(*) FROM messages WHERE room = ? AND time < ?"
        return int(self._db.execute(query, (record.id, older)).fetchone()[0])

    def facts(self) -> dict[tuple[str, str], str]:
        """Return all facts."""
        rows = self._db.execute("SELECT kind, key, value FROM facts")
        return {(kind, key): value for kind, key, value in (insist_on_types(row, (str, str, str)) for row in rows)}

    def ends(self) -> dict[tuple[str, str], int]:
        """Return the last entry that each earlier epoch shares with this log, by room and epoch."""
        rows = self._db.execute("SELECT name, ends.epoch, last FROM ends JOIN rooms ON room = id")
        return {(name, epoch): last for name, epoch, last in rows}

    def pages(self) -> tuple[int, int]:
        """Return how many pages of 4 KiB the database has, and how many of them are unused."""
        [(pages,)], [(unused,)] = self._db.execute("PRAGMA page_count"), self._db.execute("PRAGMA freelist_count")
        return pages, unused

    def by_age(self) -> list[RoomRecord]:
        """Return all rooms, that with the oldest entry first; those without entries come last."""
        query = "SELECT room, time FROM messages JOIN rooms ON room = id AND seq = first"
        times: dict[int, float] = dict(self._db.execute(query))
        return sorted(self.rooms.values(), key=lambda record: times.get(record.id, math.inf))

    # --- checks on opening

    def _generation(self) -> str:
        return str(self._db.execute("SELECT generation FROM meta").fetchone()[0])

    def _total(self) -> int:
        return sum(record.last for record in self._load())

    def _load(self) -> Iterator[RoomRecord]:
        newest = "(SELECT max(seq) FROM messages WHERE room = id)"
        said = f"(SELECT time FROM messages WHERE room = id AND seq = {newest})"  # noqa: S608 — constant
        columns = f"id, name, epoch, first, coalesce({newest}, first - 1), coalesce({said}, 0.0)"
        for row in self._db.execute(f"SELECT {columns} FROM rooms"):  # noqa: S608 — constant
            yield RoomRecord(*insist_on_types(row, (int, str, str, int, int, float)))

    def _insist_on_density(self) -> None:
        """Refuse a log with holes, as a mix of two files has: SQLite does not notice (0.15 s a million entries)."""
        rows = "(SELECT room, count(*) AS count, max(seq) AS last FROM messages GROUP BY room)"
        holed = f"SELECT name FROM {rows} JOIN rooms ON room = id WHERE count <> last - first + 1"  # noqa: S608 — constant
        if row := self._db.execute(holed).fetchone():
            raise damaged(self.path, f"room {row[0]} has holes")
