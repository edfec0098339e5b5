"""The size limit: the oldest entries of all rooms go so that the journal's files stay within so many bytes.

Does not live here: limits of each room (retention.py), deleting (store.py), giving space back (free_space.py).
"""

from __future__ import annotations

import math

from chatctl.journal.queries import PAGE
from chatctl.journal.records import RoomRecord
from chatctl.journal.store import CHECKPOINT_AFTER, Store

LEAST = 1 << 20
"""Bytes that a limit has at least."""

_FOR_WAL = 5
"""One part in so many is for the write-ahead log."""

_PIECE = 1_000
"""Entries that one transaction deletes at most."""


class SizeLimit:
    """Decides what one store deletes for its size."""

    def __init__(self, max_bytes: int | None) -> None:
        """Keep the database and its write-ahead log within ``max_bytes`` on average; None: no limit."""
        pages = (max_bytes or 0) // PAGE
        self._wal_pages = min(CHECKPOINT_AFTER, pages // _FOR_WAL)
        self._max_pages = pages - self._wal_pages if max_bytes is not None else None
        self.more = self._max_pages is not None
        """Whether there may be something to delete."""

    @property
    def is_set(self) -> bool:
        """Whether there is a limit at all."""
        return self._max_pages is not None

    def apply(self, store: Store) -> None:
        """Have the store write its log back earlier, and keep no more unused space than fits."""
        if self._max_pages is not None:
            store.checkpoint_after = self._wal_pages
            store.free_space.max_pages = self._max_pages

    def grew(self) -> None:
        """Note that something was added."""
        self.more = self._max_pages is not None

    def piece(self, store: Store) -> RoomRecord | None:
        """Delete a piece of the room with the oldest entry, if there is too much; return that room."""
        if not self.more or self._max_pages is None:
            return None
        pages, unused = store.pages()
        excess = pages - unused - self._max_pages
        if excess > 0:
            share = excess / (pages - unused)
            for record in store.by_age():
                count = min(_PIECE, math.ceil(share * sum(len(one) for one in store.rooms.values())))
                if store.trim(record, record.first + count, None, math.inf, max(1, count)):
                    return record
        self.more = False
        return None
