"""Trimming: which part of a room's log one piece of a trim deletes.

Lives here: the numbers up to which entries and ids go. Does not live here: when (retention.py), which times are old
(aging.py), the statements (store.py, postgres/store.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Literal

from chatctl.journal.aging import LOOK_AHEAD, end_of_old
from chatctl.journal.records import RoomRecord

Aged = Literal["entries", "ids"]
"""What has a time, and is deleted by it."""


class Trimming(ABC):
    """The part of a store that deletes."""

    rooms: dict[str, RoomRecord]

    @abstractmethod
    def count_older(self, record: RoomRecord, older: float) -> int:
        """Return how many entries of a room have a time (Unix seconds) before ``older``."""

    @abstractmethod
    def _times(
        self, table: Aged, record: RoomRecord, before: int, latest: float, limit: int
    ) -> Iterable[tuple[int, float]]:
        """Return seq and time of rows before a number, in the order of seq, without times after ``latest``."""

    @abstractmethod
    def _delete(self, record: RoomRecord, first: int, ids_first: int, limit: int) -> None:
        """Delete entries before ``first`` and ids before ``ids_first``, about ``limit`` at most, in one transaction."""

    def trim(
        self,
        record: RoomRecord,
        keep_from: int,
        older: float | None,
        ids_older: float,
        limit: int,
        latest: float = float("inf"),
    ) -> bool:
        """Delete at most ``limit`` of a room's oldest entries and ids in one transaction.

        Args:
            record: the room.
            keep_from: delete entries before this seq.
            older: delete entries at the front whose time (Unix seconds) is before this; None: no such limit.
            ids_older: delete ids of deleted entries whose time is before this.
            limit: of entries, and of ids.
            latest: later times are those of a wrong clock: such an entry goes with those around it.

        Returns:
            Whether anything was deleted; there may be more.
        """
        first = record.first
        if older is not None:
            first = self._end_of_old("entries", record, record.last + 1, older, limit, latest) or first
        first = min(max(first, keep_from), record.first + limit, record.last + 1)
        ids_first = self._end_of_old("ids", record, first, ids_older, limit, latest)
        if first == record.first and ids_first is None:
            return False
        self._delete(record, first, ids_first or 0, limit)
        record.first = first
        return True

    def _end_of_old(
        self, table: Aged, record: RoomRecord, before: int, older: float, limit: int, latest: float
    ) -> int | None:
        """Return the seq after the old rows at the front of a table; None if there are none."""
        return end_of_old(self._times(table, record, before, latest, limit + LOOK_AHEAD), older)
