"""Retention: which entries are no longer kept, a small piece at a time.

Lives here: when and how far to trim. Does not live here: deleting (store.py), the thread (writer.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from chatctl.journal.store import Store
from chatctl.journal.transaction import RoomRecord

DAY = 86_400.0
IDS_DAYS = 7
"""An id is known at least so long, even when its message is not kept any more."""

CHECK_SECONDS = 60.0
_PIECE = 1_000
"""Entries that one transaction drops: a few milliseconds in which an append waits."""


class Retention:
    """Decides for one store. ``keep_messages`` is per room; None means no limit.

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
        """Check every room soon, then every minute. ``clock`` gives Unix seconds."""
        self._keep_messages = keep_messages
        self._slack = min(_PIECE, (keep_messages or 0) // 10)
        self._keep_days = keep_days
        self._clock = clock
        self._monotonic = monotonic
        self._opened = clock() - monotonic()
        self._next_check = monotonic()
        self._waiting: dict[str, None] = {}  # rooms, in the order in which they became due

    def wait(self) -> float:
        """Seconds until a piece is due; 0: now."""
        return 0.0 if self._waiting else max(0.0, self._next_check - self._monotonic())

    def grew(self, shelf: RoomRecord) -> None:
        """Take note of a room that has new entries."""
        if self._keep_messages is not None and shelf.last - shelf.first >= self._keep_messages + self._slack:
            self._waiting[shelf.name] = None

    def check(self, store: Store) -> None:
        """Look at every room, whatever the time."""
        self._waiting = dict.fromkeys(store.shelves)
        self._next_check = self._monotonic() + CHECK_SECONDS

    def piece(self, store: Store, newly: int = 0) -> RoomRecord | None:
        """Drop one piece, if one is due. ``newly``: entries since the last one, which trimming has to keep up with.

        Returns:
            The room of which something was dropped.
        """
        if not self._waiting and self._monotonic() >= self._next_check:
            self.check(store)
        while self._waiting:
            name = next(iter(self._waiting))
            del self._waiting[name]  # also if the disk is too full for it: a minute later is soon enough
            shelf = store.shelves[name]
            if self._trim(store, shelf, max(_PIECE, 2 * newly)):
                self._waiting[name] = None
                return shelf
        return None

    def _trim(self, store: Store, shelf: RoomRecord, limit: int) -> bool:
        now = self._now()
        keep_from = 0 if self._keep_messages is None else shelf.last + 1 - self._keep_messages
        older = None if self._keep_days is None else now - self._keep_days * DAY
        return store.trim(shelf, keep_from, older, now - IDS_DAYS * DAY, limit)

    def _now(self) -> float:
        """Unix seconds, but a clock that jumps ahead while the server runs must not empty the journal."""
        return min(self._clock(), self._opened + self._monotonic())
