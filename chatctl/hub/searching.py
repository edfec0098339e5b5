"""Searching the history of a room: in the journal, or in the ring where the journal keeps nothing.

Lives here: how much of a log one search may look through, and whose turn it is. Does not live here: what is found
(common/text_search.py), reading (journal/).

A search goes from the newest entries to older ones, a piece at a time. One piece is looked through at once, whoever
asks, and each search waits for its turn anew: however many there are, a page or a commit waits for one piece, and a
search that just began is as near to its next piece as those that take long.
"""

from __future__ import annotations

import asyncio

from chatctl.common.text_search import Looked, Query, look_through
from chatctl.core.peer import Peer
from chatctl.core.room import Room
from chatctl.hub.history import MAX_PAGE_BYTES, RoomHistory
from chatctl.hub.large_answers import LargeAnswers
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Loop
from chatctl.protocol import Found, Msg, Search

MOST_FOUND = 100
"""Entries of one answer."""
MOST_LOOKED_AT = 100_000
"""Entries that one search looks at, until it is asked to go on."""
SECONDS = 0.5
"""How long one search takes, until it is asked to go on: its connection is not read from meanwhile."""

JOURNAL_PIECE = 1_000
"""Entries of one piece; a journal may stop earlier."""
RING_PIECE = 100
"""The same of the ring, which is looked through by the event loop itself (0.1 ms; 15 ms for texts made to be slow)."""

ENTRY_BYTES = 256
"""Bytes of an entry as JSON beside its text, at most."""


class Searching:
    """The searches of one server."""

    def __init__(self, hub: Shared, history: RoomHistory, answers: LargeAnswers, loop: Loop) -> None:
        """Start with none.

        Args:
            hub: whose rooms.
            history: knows what of them can be read.
            answers: makes searches wait while memory is short.
            loop: its time is monotonic.
        """
        self._journal = hub.journal
        self._history = history
        self._answers = answers
        self._loop = loop
        self._entry_bytes = ENTRY_BYTES + 6 * hub.limits.text  # a control character is escaped with six bytes
        self._most = max(1, min(MOST_FOUND, min(MAX_PAGE_BYTES, hub.memory.output.limit // 16) // self._entry_bytes))
        self._turn = asyncio.Lock()

    def search(self, peer: Peer, room: Room, ask: Search) -> None:
        """Answer with what is found; in flight until then, so a connection has one search at a time."""
        limit = max(1, min(ask.limit, self._most))  # none at all would make no way, and say that there is more
        self._answers.give_later(
            peer, limit * self._entry_bytes, self._find(peer, room, ask, limit), "this search", ask.id
        )

    async def _find(self, peer: Peer, room: Room, ask: Search, limit: int) -> Found:
        query = Query.of(ask)
        before = room.ring.last + 1 if ask.before is None else min(ask.before, room.ring.last + 1)
        end, until = before - MOST_LOOKED_AT, self._loop.time() + SECONDS
        found: list[Msg] = []
        time: float | None = None
        with room.redactions() as redacted:
            while len(found) < limit and before > max(end, self._history.first(room)) and peer.leaving is None:
                async with self._turn:
                    looked = await self._look(room, query, before, limit - len(found))
                found += looked.found
                before, time = looked.before, time if looked.time is None else looked.time
                if self._loop.time() >= until or (time is not None and time < query.since):
                    break
            entries = [entry for entry in found if entry.seq not in redacted]
        more = before > self._history.first(room) and not (time is not None and time < query.since)
        return Found(entries, before, more, time, ask.id)

    async def _look(self, room: Room, query: Query, before: int, limit: int) -> Looked:
        """Look through the piece that ends before ``before``."""
        if self._journal.head(room.name).first is not None:
            return await self._journal.search(room.name, query, max(0, before - 1 - JOURNAL_PIECE), before, limit)
        await asyncio.sleep(0)
        after = max(room.ring.first, before - RING_PIECE) - 1
        entries = room.ring.entries(after, max(0, before - after - 1))
        found, stopped = look_through(reversed(entries), query, limit, lambda: False)
        oldest = stopped or (entries[0] if entries else None)
        return Looked(found, stopped.seq if stopped else after + 1, oldest.time if oldest else None)
