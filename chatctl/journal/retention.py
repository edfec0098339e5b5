"""Retention: which entries are deleted, and when, in small pieces.

Lives here: how much a room may hold, and when the clock is not believed. Does not live here: deleting (trimming.py),
the thread (writer.py), which entries of a log are old (aging.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from chatctl.journal.records import RoomRecord
from chatctl.journal.trimming import Trimming

DAY = 86_400.0
IDS_DAYS = 7
"""An id is kept at least so long, even when its message is not."""

CHECK_SECONDS = 60.0
_PIECE = 1_000
"""Entries that one transaction deletes: an append waits a few milliseconds for it."""

STEP_SECONDS = 300.0
"""A clock that moves this far against the monotonic one between two looks was set, or the machine slept."""

DOUBT_SECONDS = 3600.0
"""After a step the clock is not believed where that would cost most of a room: there is time to look at it."""

FAMILIAR_SECONDS = DAY
"""At the start the clock is believed if some room's newest entry is no further away than this."""

OnHeld = Callable[[str, int, int], None]
"""Called with a room, how many of its entries the clock says are too old, and how many it has: they stay for now."""


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
        on_held: OnHeld = lambda *_: None,
    ) -> None:
        """Check every room soon, then every minute.

        Args:
            keep_messages: for each room; None: no limit.
            keep_days: age of the oldest entry; None: no limit.
            clock: returns Unix seconds.
            monotonic: returns seconds.
            on_held: called once after a step for each room whose trim waits.
        """
        self._keep_messages = keep_messages
        self._slack = min(_PIECE, (keep_messages or 0) // 10)
        self._keep_days = keep_days
        self._clock = clock
        self._monotonic = monotonic
        self._on_held = on_held
        self._offset = self._believed = clock() - monotonic()  # Unix seconds at the monotonic clock's zero
        self._doubt_until: float | None = None
        self._judged: dict[str, bool] = {}  # whether a room's trim waits, for as long as the clock is in doubt
        self._next_check = monotonic()
        self._waiting: dict[str, None] = {}  # rooms, in the order in which they became due

    def opened(self, store: Trimming) -> None:
        """Doubt the clock if no entry of the store is of this time: it may have been wrong since the start."""
        now = self._clock()
        newest = [record.time for record in store.rooms.values() if record.last >= record.first]
        if newest and all(abs(now - moment) > FAMILIAR_SECONDS for moment in newest):
            self._doubt()

    def wait(self) -> float:
        """Return the seconds until a piece is due; 0: now."""
        return 0.0 if self._waiting else max(0.0, self._next_check - self._monotonic())

    def grew(self, record: RoomRecord) -> None:
        """Note that a room has new entries."""
        if self._keep_messages is not None and record.last - record.first >= self._keep_messages + self._slack:
            self._waiting[record.name] = None

    def check(self, store: Trimming) -> None:
        """Make every room due now."""
        self._waiting = dict.fromkeys(store.rooms)
        self._next_check = self._monotonic() + CHECK_SECONDS

    def believe(self, store: Trimming) -> None:
        """Believe the clock as it is, and make every room due. An operator orders it."""
        self._end_doubt()
        self.check(store)

    def piece(self, store: Trimming, newly: int = 0) -> RoomRecord | None:
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

    def _trim(self, store: Trimming, record: RoomRecord, limit: int) -> bool:
        now = self._now()
        keep_from = 0 if self._keep_messages is None else record.last + 1 - self._keep_messages
        older = None if self._keep_days is None else now - self._keep_days * DAY
        if older is not None and self._doubt_until is not None and self._is_held(store, record):
            older = None
        return store.trim(record, keep_from, older, now - IDS_DAYS * DAY, limit, now + STEP_SECONDS)

    # --- the clock

    def _now(self) -> float:
        """Return Unix seconds; after a step ahead, and for as long as it is doubted, those that it was ahead of."""
        wall, now = self._clock(), self._monotonic()
        if abs(wall - now - self._offset) > STEP_SECONDS:
            self._doubt()
        self._offset = wall - now
        if self._doubt_until is not None and now >= self._doubt_until:
            self._end_doubt()
        if self._doubt_until is None:
            self._believed = self._offset
        return min(wall, now + self._believed)

    def _doubt(self) -> None:
        self._doubt_until = self._monotonic() + DOUBT_SECONDS
        self._judged.clear()

    def _end_doubt(self) -> None:
        self._doubt_until = None
        self._judged.clear()
        self._offset = self._believed = self._clock() - self._monotonic()

    def _is_held(self, store: Trimming, record: RoomRecord) -> bool:
        """Return whether most of a room would go by the clock as it is now. That is counted once after each step."""
        if record.name not in self._judged:
            old = store.count_older(record, self._clock() - (self._keep_days or 0) * DAY)
            total = record.last - record.first + 1
            self._judged[record.name] = held = 2 * old > total
            if held:
                self._on_held(record.name, old, total)
        return self._judged[record.name]
