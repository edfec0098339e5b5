"""The archive: rooms and their past, wherever it is kept: in the ring, or in the journal behind it.

Lives here: opening a room, the end of its log in the ring, readers that start before it, pages. The loop never waits
for a disk. Does not live here: what is said now (hub.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from chatctl.core.effects import error_frame
from chatctl.core.peer import Peer
from chatctl.core.ring import Ring
from chatctl.core.room import Room
from chatctl.errors import BadFrame, ChatError
from chatctl.hub.catchup import CatchUp
from chatctl.hub.tick import Tick
from chatctl.journal import Journal
from chatctl.protocol import Hello, History, Limits, Msg, Page

PAGE_WEIGHT = 1024
"""As how many messages under way a page from the journal counts: all that a connection may have, so that one who asks
for many of them has one in memory, not all."""

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""Of a page as JSON, so that it fits into a line of a client's (protocol.MAX_SERVER_LINE). A page that would be longer
holds fewer entries, and ``more`` is true."""


class RoomHistory:
    """All rooms of one server, by name."""

    def __init__(self, journal: Journal, limits: Limits, turn: Tick) -> None:
        """Open no room yet."""
        self._journal = journal
        self._limits = limits
        self._turn = turn
        self.rooms: dict[str, Room] = {}
        self._catching_up: dict[Peer, CatchUp] = {}
        self._reading: set[asyncio.Task[None]] = set()

    def open(self, name: str) -> Room:
        """Give a room, opened if it was not."""
        if name in self.rooms:
            return self.rooms[name]
        head = self._journal.follow(name, lambda entries: self._deliver(name, entries))
        ring = Ring(head.last, max_entries=self._limits.ring_entries, max_bytes=self._limits.ring_bytes)
        room = self.rooms[name] = Room(name, head.epoch, ring, batch_bytes=self._limits.out_buffer)
        return room

    def _deliver(self, name: str, entries: Sequence[Msg]) -> None:
        room = self.rooms[name]
        room.append(entries)
        self._turn.touch(room)

    async def warm_up(self, name: str) -> None:
        """Open a room with the end of its log in the ring: after a restart, everybody comes back for it."""
        room = self.open(name)
        last = room.ring.last
        entries = await self._journal.read(name, max(0, last - self._limits.page), self._limits.page)
        if entries and room.ring.last == last:
            room.ring.fill(entries)

    def first(self, room: Room) -> int:
        """Give the number of the oldest entry that is kept anywhere."""
        return min(self._journal.head(room.name).first, room.ring.first)

    # --- readers

    def place(self, peer: Peer, room: Room, hello: Hello) -> None:
        """Set a newcomer's cursor. One that stands before the ring catches up from the journal."""
        history = min(hello.history, self._limits.backlog)
        peer.after, gap = room.start(hello.resume, history, self.first(room))
        if gap is not None:
            self._turn.reply(peer, gap)
        room.readers.add(peer)
        if peer.after + 1 < room.ring.first:
            peer.behind = True
            catch_up = self._catching_up[peer] = CatchUp(peer, room, self._journal)
            catch_up.task.add_done_callback(lambda _: self._catching_up.pop(peer, None))

    def wake(self, peer: Peer) -> None:
        """A peer can take more again, or is leaving."""
        if catch_up := self._catching_up.get(peer):
            catch_up.wake()
        elif peer.room is not None and peer in peer.room.readers:
            peer.room.drain(peer)

    # --- pages

    def page(self, peer: Peer, room: Room, ask: History, landed: Callable[[Peer, int], None]) -> None:
        """Answer with a page: at once from the ring, or later from the journal and then call ``landed``."""
        if (ask.after is None) == (ask.before is None):
            self._turn.reply(peer, error_frame(BadFrame("history takes either after or before")))
            return
        after, end = room.span(ask.after, ask.before, min(ask.limit, self._limits.page), self.first(room))
        if after + 1 >= room.ring.first or after >= end:
            self._answer(peer, room, ask, room.ring.entries(after, max(0, end - after)))
            return
        peer.in_flight += PAGE_WEIGHT
        self._start(self._page_from_journal(peer, room, ask, after, end, landed))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _page_from_journal(
        self, peer: Peer, room: Room, ask: History, after: int, end: int, landed: Callable[[Peer, int], None]
    ) -> None:
        try:
            entries = await self._journal.read(room.name, after, end - after)
        except ChatError as error:
            self._turn.reply(peer, error_frame(error))
        else:
            self._answer(peer, room, ask, [entry for entry in entries if entry.seq <= end])
        landed(peer, PAGE_WEIGHT)

    def _answer(self, peer: Peer, room: Room, ask: History, entries: Sequence[Msg]) -> None:
        entries = fitting(entries, newest=ask.after is None)
        if ask.after is not None:
            more = bool(entries) and entries[-1].seq < room.ring.last
        else:
            more = bool(entries) and entries[0].seq > self.first(room)
        self._turn.reply(peer, Page(entries=list(entries), more=more))


def fitting(entries: Sequence[Msg], *, newest: bool) -> Sequence[Msg]:
    """Give as many entries as MAX_PAGE_BYTES of JSON surely hold: the first ones, or the newest ones."""
    room = MAX_PAGE_BYTES
    for count, entry in enumerate(reversed(entries) if newest else entries):
        room -= 256 + 6 * (len(entry.text) + len(entry.nick))  # a control character is escaped with six bytes
        if room < 0 < count:
            return entries[-count:] if newest else entries[:count]
    return entries
