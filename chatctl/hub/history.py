"""The history of rooms: in the ring, or in the journal behind it.

Lives here: opening a room, filling its ring, readers that start before the ring, pages. The loop never waits for a
disk. Does not live here: new messages (messages.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from chatctl.core.memory import level
from chatctl.core.peer import Peer
from chatctl.core.ring import Ring
from chatctl.core.room import Room
from chatctl.errors import BadFrame, StorageFailed
from chatctl.hub.catchup import CatchUp, read_current
from chatctl.hub.large_answers import LargeAnswers
from chatctl.hub.presence import Presence
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.journal import OnKept
from chatctl.protocol import Gap, Hello, History, Msg, Page, Resume

CATCH_UP_READS = 4
"""Pages that are read from the journal at once for all readers that catch up."""

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""Bytes of a page as JSON, so that it fits into a line (protocol.MAX_SERVER_LINE). A page that would be longer holds
fewer entries, and ``more`` is true."""


class RoomHistory:
    """All rooms of one server, by name."""

    def __init__(self, hub: Shared, tick: Tick, answers: LargeAnswers, presence: Presence) -> None:
        """Open no room yet.

        Args:
            hub: whose rooms.
            tick: sends.
            answers: makes pages wait while memory is short.
            presence: has the members.
        """
        self._hub = hub
        self._tick = tick
        self._answers = answers
        self._journal = hub.journal
        self._limits = hub.limits
        self._memory = hub.memory
        self._log = hub.log
        self._page_bytes = min(MAX_PAGE_BYTES, hub.memory.output.limit // 16)
        self._presence = presence
        self.rooms: Mapping[str, Room] = presence.rooms
        self._catch_up_reads = asyncio.Semaphore(CATCH_UP_READS)
        self._catching_up: dict[Peer, CatchUp] = {}

    def open(self, name: str) -> Room:
        """Return a room, opened first if it is not."""
        if name in self.rooms:
            return self.rooms[name]
        head = self._journal.follow(name, lambda entries: self._deliver(name, entries))
        self._hub.clock.follow(head.time)
        limits, memory = self._limits, self._memory
        ring = Ring(head.last, max_entries=limits.ring_entries, max_bytes=limits.ring_bytes, share=memory.rings)
        roster = self._presence.roster(name)
        room = Room(name, head.epoch, ring, batch_bytes=limits.out_buffer, output=memory.output, roster=roster)
        self._presence.opened(room)
        return room

    def close(self, room: Room) -> None:
        """Close a room that is empty and in which nothing was ever said: it costs memory, and a place among others."""
        if room.present == 0 and room.ring.last == 0 and not room.roster:
            self._presence.closed(room)
            self._journal.forget(room.name)

    def _deliver(self, name: str, entries: Sequence[Msg]) -> None:
        room = self.rooms[name]
        room.append(entries)
        self._presence.heard(room, entries)
        if self._memory.rings.is_full:
            self._shrink_rings()
        self._tick.touch(room)

    def _shrink_rings(self) -> None:
        """Shrink the largest rings, all to the same size, until there is room again. What was not swept yet stays."""
        rings = self._memory.rings
        most = level((room.ring.size for room in self.rooms.values()), rings.limit - rings.limit // 8)
        for room in self.rooms.values():
            room.ring.shrink(most, room.swept)

    async def warm_up(self, name: str) -> None:
        """Open a room and fill its ring from the journal: after a restart, everybody asks for the same entries."""
        room = self.open(name)
        last = room.ring.last
        page, most = self._limits.page, min(self._limits.ring_bytes, self._memory.rings.limit) // 2
        entries = await self._journal.read(name, max(0, last - page), page, most=most, newest=True)
        if entries and room.ring.last == last and not self._memory.rings.is_full:
            room.ring.fill(entries)

    def first(self, room: Room) -> int:
        """Return the seq of the oldest entry that can be read. The ring may hold older ones, which were deleted."""
        kept_from = self._journal.head(room.name).first
        return room.ring.first if kept_from is None else kept_from

    # --- readers

    def reach(self, name: str, resume: Resume | None, done: OnKept) -> None:
        """Call ``done`` once all is known here that any server had shown by now: at once if there is no other one.

        While that can't be found out, everybody sees what this server knows; ``done`` gets an error only if a client
        that resumes was shown more.
        """

        def found(last: int | None) -> None:
            if last is None:
                reached(None)
            else:
                self._journal.reach(name, last, reached)

        def reached(_: StorageFailed | None) -> None:
            if resume is not None and self._is_behind(name, resume):
                self._journal.reach(name, resume.after, done)
            else:
                done(None)

        self._hub.directory.reach(name, found)

    def _is_behind(self, name: str, resume: Resume) -> bool:
        """Return whether a client has been shown, at another server, what is not known here yet."""
        if (room := self.rooms.get(name)) is not None:
            return resume.epoch == room.epoch and resume.after > room.ring.last
        if name not in self._journal.rooms():
            return False
        head = self._journal.head(name)
        return resume.epoch == head.epoch and resume.after > head.last

    def cut(self, room: Room, resume: Resume | None) -> tuple[Resume | None, Gap | None]:
        """Return a resume as it holds in the room's present epoch, and the gap that this leaves, if any."""
        if resume is None or not resume.cut or resume.epoch == room.epoch:
            return resume, None
        end = self._journal.end_of(resume.epoch, room.name)
        return (resume, None) if end is None else room.cut(resume, end)

    def place(self, peer: Peer, room: Room, hello: Hello) -> None:
        """Set the cursor of a new reader. One that starts before the ring catches up from the journal."""
        history = min(hello.history, self._limits.backlog)
        resume, gone = self.cut(room, hello.resume)
        peer.after, gap = room.start(resume, history, self.first(room))
        for one in (gone, gap):
            if one is not None:
                self._tick.reply(peer, one)
                room.count_gap(one.why)
        room.add_reader(peer)
        if peer.after + 1 < room.ring.first:
            peer.behind = True
            catch_up = self._catching_up[peer] = CatchUp(peer, room, self._journal, self._catch_up_reads)
            catch_up.task.add_done_callback(partial(self._caught_up, peer))

    def _caught_up(self, peer: Peer, task: asyncio.Task[None]) -> None:
        """Forget a catch-up. After a fault of our own the connection ends: its client comes back and resumes."""
        self._catching_up.pop(peer, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a reader could not catch up", peer=peer.label, why=repr(error))
            self._hub.disconnect(peer, "could not catch up")

    def wake(self, peer: Peer) -> None:
        """Go on with a peer that can take more again, or is leaving."""
        if catch_up := self._catching_up.get(peer):
            catch_up.wake()
        elif peer.room is not None and peer in peer.room.readers:
            peer.room.drain(peer)

    # --- pages

    def page(self, peer: Peer, room: Room, ask: History) -> None:
        """Answer with a page: at once from the ring, or later from the journal, in flight until then.

        Raises:
            BadFrame: the page has no start, or two.
        """
        if (ask.after is None) == (ask.before is None):
            raise BadFrame("history takes either after or before")
        after, end = room.span(ask.after, ask.before, min(ask.limit, self._limits.page), self.first(room))
        if after + 1 >= room.ring.first or after >= end:
            count = max(0, end - after)
            self._answers.give(
                peer,
                self._page_bytes,
                lambda: self._tick.reply(peer, self._page_of(room, ask, room.ring.entries(after, count))),
            )
            return
        self._answers.give_later(
            peer, self._page_bytes, self._page_from_journal(room, ask, after, end), "this page", ask.id
        )

    async def _page_from_journal(self, room: Room, ask: History, after: int, end: int) -> Page:
        size, newest = self._page_bytes, ask.after is None
        entries = await read_current(self._journal, room, after, end - after, most=size, newest=newest)
        return self._page_of(room, ask, [entry for entry in entries if entry.seq <= end])

    def _page_of(self, room: Room, ask: History, entries: Sequence[Msg]) -> Page:
        entries = fitting(entries, newest=ask.after is None, most=self._page_bytes)
        if ask.after is not None:
            more = bool(entries) and entries[-1].seq < room.ring.last
        else:
            more = bool(entries) and entries[0].seq > self.first(room)
        return Page(entries=list(entries), more=more, id=ask.id)


def fitting(entries: Sequence[Msg], *, newest: bool, most: int = MAX_PAGE_BYTES) -> Sequence[Msg]:
    """Return as many entries as surely fit into ``most`` bytes of JSON, or one: the first ones, or the newest."""
    left = most
    for count, entry in enumerate(reversed(entries) if newest else entries):
        left -= 256 + 6 * (len(entry.text) + len(entry.nick))  # a control character is escaped with six bytes
        if left < 0 < count:
            return entries[-count:] if newest else entries[:count]
    return entries
