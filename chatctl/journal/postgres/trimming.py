"""Trimming a log: what is too old is deleted in pieces, and nothing that another server may not have shown yet.

Does not live here: which part of a log one piece deletes (../trimming.py), when (../retention.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.reading import Reader
from chatctl.journal.postgres.registering import Registration
from chatctl.journal.records import RoomRecord
from chatctl.journal.trimming import Aged, Trimming

YOUNG_SECONDS = 30.0
"""Entries of the last so many seconds are not deleted where there are several servers: one that has not shown them in
this time was swept."""

_FIRST_YOUNG = """
SELECT seq FROM {}.entries WHERE room = %s AND seq >= %s AND seq < %s
    AND time > extract(epoch FROM clock_timestamp()) - %s ORDER BY seq LIMIT 1
"""


class Trimmer(Reader, Trimming):
    """Deletes in the name of one server."""

    def __init__(self, place: PostgresPlace, me: Registration) -> None:
        """Not connected yet."""
        super().__init__(place)
        self.me = me

    def trim(
        self,
        record: RoomRecord,
        keep_from: int,
        older: float | None,
        ids_older: float,
        limit: int,
        latest: float = float("inf"),
    ) -> bool:
        """Delete as ``Trimming.trim``; nothing that another server may not have shown yet."""
        if self.me.shared:
            row = self._run(_FIRST_YOUNG, record.name, record.first, record.first + limit, YOUNG_SECONDS).fetchone()
            if row is not None:
                limit = int(str(row[0])) - record.first
        return limit > 0 and super().trim(record, keep_from, older, ids_older, limit, latest)

    def count_older(self, record: RoomRecord, older: float) -> int:
        """Return how many entries of a room have a time (Unix seconds) before ``older``."""
        query = "SELECT count(*) FROM {}.entries WHERE room = %s AND time < %s"
        row = self._run(query, record.name, older).fetchone()
        return int(str(row[0])) if row is not None else 0

    def _times(
        self, table: Aged, record: RoomRecord, before: int, latest: float, limit: int
    ) -> Iterable[tuple[int, float]]:
        query = f"SELECT seq, time FROM {{}}.{table} WHERE room = %s AND seq < %s AND time <= %s ORDER BY seq LIMIT %s"  # noqa: S608
        return self._run(query, record.name, before, latest, limit).fetchall()

    def _delete(self, record: RoomRecord, first: int, ids_first: int, limit: int) -> None:
        self._run("SELECT {}.trim(%s, %s, %s, %s)", self.me.sid, record.name, first, ids_first)
