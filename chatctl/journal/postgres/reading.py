"""Reading a log: pages of it, and what is searched for in it.

Does not live here: what is changed (store.py).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.sizes import ENTRY_OVERHEAD, fitting
from chatctl.common.text_search import Looked, Query, look_through
from chatctl.journal.postgres.session import Session
from chatctl.journal.postgres.texts import from_engine, to_engine
from chatctl.journal.records import RoomRecord
from chatctl.journal.work import JournalLost
from chatctl.protocol import Msg

_READ = """
SELECT seq, time, nick, text, action FROM (
    SELECT *, sum(%s + octet_length(text)) OVER (
        ORDER BY seq {order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (SELECT * FROM {{}}.entries WHERE room = %s AND seq > %s AND seq <= %s ORDER BY seq {order} LIMIT %s) AS near
) AS page WHERE before IS NULL OR before < %s ORDER BY seq {order}
"""
"""A page: what stands behind as many bytes as it may have is not sent to us."""

SEARCH_SECONDS = 0.02
"""How long one look through a part of a log may keep the thread from committing."""

SEARCH_PIECE = 1_000
"""Entries that one statement of it looks at: 1 ms."""

_CANDIDATES = """
SELECT seq, time, nick, text, action FROM {}.entries WHERE room = %s AND seq > %s AND seq < %s
    AND (position(%s IN lower(text COLLATE "C")) > 0 OR octet_length(text) <> char_length(text)) ORDER BY seq DESC
"""
"""Entries that a search may find: this collation folds ASCII alone, so Python looks at all that is none."""

_FOREVER = 1 << 62


class Reader(Session):
    """Reads the rooms that are known, up to the entries that were delivered. Every method blocks."""

    def __init__(self, place: PostgresPlace) -> None:
        """Not connected yet, and no room is known."""
        super().__init__(place)
        self.rooms: dict[str, RoomRecord] = {}

    def read(self, room: str, after: int, limit: int, most: int | None = None, newest: bool = False) -> Sequence[Msg]:
        """Return entries as ``Journal.read``. Raises psycopg.Error."""
        record = self.rooms.get(room)
        if record is None or limit <= 0:
            return []
        last = min(limit + (after if newest else max(after, record.first - 1)), record.last)
        query = _READ.format(order="DESC" if newest else "")
        rows = self._run(query, ENTRY_OVERHEAD, room, after, last, limit, _FOREVER if most is None else most)
        entries = fitting(map(entry_of, rows), most)
        return entries[::-1] if newest else entries

    def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Look through a part of a log as ``Journal.search``, a piece of it in each statement."""
        record = self.rooms.get(room)
        if record is None:
            return Looked([], after + 1, None)
        until, found = time.monotonic() + SEARCH_SECONDS, list[Msg]()
        above = min(before, record.last + 1)
        while above > max(after + 1, record.first):
            below = max(after, above - 1 - SEARCH_PIECE)
            rows = self._run(_CANDIDATES, room, below, above, to_engine(query.text))
            more, stopped = look_through(map(entry_of, rows), query, limit - len(found), lambda: False)
            found += more
            if stopped is not None:
                return Looked(found, stopped.seq, stopped.time)
            above = below + 1
            if time.monotonic() >= until:
                break
        looked = above if above > max(after + 1, record.first) else after + 1
        oldest = "SELECT time FROM {}.entries WHERE room = %s AND seq >= %s AND seq < %s ORDER BY seq LIMIT 1"
        row = self._run(oldest, room, looked, before).fetchone()
        return Looked(found, looked, None if row is None else float(str(row[0])))

    def authors(self, room: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Return seq and nickname of at most ``limit`` kept entries that follow number ``after``."""
        query = "SELECT seq, nick FROM {}.entries WHERE room = %s AND seq > %s ORDER BY seq LIMIT %s"
        return [(int(str(seq)), from_engine(str(nick))) for seq, nick in self._run(query, room, after, limit)]

    def token_of(self, room: str, seq: int) -> bytes | None:
        """Return the hash of the token that an entry was said with, as ``Journal.token_of``."""
        row = self._run("SELECT token FROM {}.ids WHERE room = %s AND seq = %s", room, seq).fetchone()
        return row[0] if row is not None else None

    def last(self, room: str) -> int:
        """Return the number of a room's newest entry, whether it is known here or not."""
        row = self._run("SELECT last FROM {}.rooms WHERE name = %s", room).fetchone()
        return int(str(row[0])) if row is not None else 0

    def _following(self, record: RoomRecord, to: int) -> list[Msg]:
        """Return the entries that follow a room's cursor, up to a number. Raises JournalLost: some are deleted."""
        query = "SELECT seq, time, nick, text, action FROM {}.entries WHERE room = %s AND seq > %s AND seq <= %s"
        entries = [entry_of(row) for row in self._run(f"{query} ORDER BY seq", record.name, record.last, to)]
        if len(entries) != to - record.last:
            raise JournalLost(f"messages of {record.name} were deleted before this server had seen them")
        return entries


def entry_of(row: Sequence[object]) -> Msg:
    """Return the entry that a row of seq, time, nick, text and action holds."""
    seq, time, nick, text, action = row
    assert isinstance(seq, int)
    assert isinstance(time, float)
    nick = from_engine(str(nick))
    return Msg(seq, time, nick, from_engine(str(text)), bool(action), redacted=not nick)  # nobody has an empty name
