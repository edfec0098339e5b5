"""Retention: which entries are deleted, and when, in small pieces.

Does not live here: deleting (store.py), the thread (writer.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from chatctl.journal.store import Store
from chatctl.journal.transaction import RoomRecord

DAY = 86_400.0
IDS_DAYS = 7
"""An id is kept at least so long, even when its message is not."""

CHECK_SECONDS = 60.0
_PIECE = 1_000
"""Entries that one transaction deletes: an append waits a few milliseconds for it."""


class Retention:
    """Decides what one store deletes.

    A room may hold a tenth (at most 1,000) more than ``keep_messages`` for a minute: trimming at each append would
    double the number of commits.
    """

    def __init__(
        self,
        keep_messages: int | None,
        keep_days: float | None,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Check every room soon, then every minute.

        Args:
            keep_messages: for each room; None: no limit.
            keep_days: age of the oldest entry; None: no limit.
            clock: returns Unix seconds.
            monotonic: returns seconds.
        """
        self._keep_messages = keep_messages
        self._slack = min(_PIECE, (keep_messages or 0) // 10)
        self._keep_days = keep_days
        self._clock = clock
        self._monotonic = monotonic
        self._opened = clock() - monotonic()
        self._next_check = monotonic()
        self._waiting: dict[str, None] = {}  # rooms, in the order in which they became due

    def wait(self) -> float:
        """Return the seconds until a piece is due; 0: now."""
        return 0.0 if self._waiting else max(0.0, self._next_check - self._monotonic())

    def grew(self, record: RoomRecord) -> None:
        """Note that a room has new entries."""
        if self._keep_messages is not None and record.last - record.first >= self._keep_messages + self._slack:
            self._waiting[record.name] = None

    def check(self, store: Store) -> None:
        """Make every room due now."""
        self._waiting = dict.fromkeys(store.rooms)
        self._next_check = self._monotonic() + CHECK_SECONDS

    def piece(self, store: Store, newly: int = 0) -> RoomRecord | None:
        """Delete one piece, if one is due.

        Args:
            store: where.
            newly: entries added since the last piece: trimming has to keep up with them.

        Returns:
            The room whose entries were deleted; None if there was nothing to delete.
        """
        if not self._waiting and self._monotonic() >= self._next_check:
            self.check(store)
        while self._waiting:
            name = next(iter(self._waiting))
            del self._waiting[name]  # if this fails for a full disk, the check a minute later tries again
            record = store.rooms.get(name)  # None: removed since it became due
            if record is not None and self._trim(store, record, max(_PIECE, 2 * newly)):
                self._waiting[name] = None
                return record
        return None

    def _trim(self, store: Store, record: RoomRecord, limit: int) -> bool:
        now = self._now()
        keep_from = 0 if self._keep_messages is None else record.last + 1 - self._keep_messages
        older = None if self._keep_days is None else now - self._keep_days * DAY
        return store.trim(record, keep_from, older, now - IDS_DAYS * DAY, limit)

    def _now(self) -> float:
        """Return Unix seconds. A clock that jumps ahead while the server runs must not empty the journal."""
        return min(self._clock(), self._opened + self._monotonic())
