"""The history of rooms: in the ring, or in the journal behind it.

Lives here: opening a room, filling its ring, readers that start before the ring, pages. The loop never waits for a
disk. Does not live here: new messages (messages.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from chatctl.core.directory import Directory
from chatctl.core.effects import error_frame
from chatctl.core.limits import ServerLimits
from chatctl.core.peer import Peer
from chatctl.core.ring import Ring
from chatctl.core.room import Reader, Room
from chatctl.errors import BadFrame, ChatError
from chatctl.hub.catchup import CatchUp, read_current
from chatctl.hub.event_log import Log
from chatctl.hub.tick import Tick
from chatctl.journal import Journal
from chatctl.protocol import Gap, Hello, History, Msg, Page, Resume

PAGE_WEIGHT = 1024
"""Messages in flight that a page from the journal counts as: all that a connection may have, so that one page of it is
in memory at a time, however many it asks for."""

MAX_PAGE_BYTES = 8 * 1024 * 1024
"""Bytes of a page as JSON, so that it fits into a line (protocol.MAX_SERVER_LINE). A page that would be longer holds
fewer entries, and ``more`` is true."""


class RoomHistory:
    """All rooms of one server, by name."""

    def __init__(
        self,
        journal: Journal,
        limits: ServerLimits,
        tick: Tick,
        log: Log,
        disconnect: Callable[[Peer, str], None],
        directory: Directory[Reader],
        follow_time: Callable[[float], None],
    ) -> None:
        """Open no room yet.

        Args:
            journal: has the rooms.
            limits: of the server.
            tick: sends.
            log: gets a line per event.
            disconnect: begins to disconnect a peer, for a reason.
            directory: gets the members of all rooms.
            follow_time: is told the time of each log's end, in Unix seconds.
        """
        self._directory = directory
        self._journal = journal
        self._limits = limits
        self._tick = tick
        self._log = log
        self._disconnect = disconnect
        self._follow_time = follow_time
        self.rooms: dict[str, Room] = {}
        self._catching_up: dict[Peer, CatchUp] = {}
        self._reading: set[asyncio.Task[None]] = set()

    def open(self, name: str) -> Room:
        """Return a room, opened first if it is not."""
        if name in self.rooms:
            return self.rooms[name]
        head = self._journal.follow(name, lambda entries: self._deliver(name, entries))
        self._follow_time(head.time)
        ring = Ring(head.last, max_entries=self._limits.ring_entries, max_bytes=self._limits.ring_bytes)
        self.rooms[name] = Room(name, head.epoch, ring, batch_bytes=self._limits.out_buffer, directory=self._directory)
        return self.rooms[name]

    def close(self, room: Room) -> None:
        """Close a room that is empty and in which nothing was ever said: it costs memory, and a place among others."""
        if room.present == 0 and room.ring.last == 0:
            del self.rooms[room.name]
            self._journal.forget(room.name)

    def _deliver(self, name: str, entries: Sequence[Msg]) -> None:
        room = self.rooms[name]
        room.append(entries)
        self._tick.touch(room)

    async def warm_up(self, name: str) -> None:
        """Open a room and fill its ring from the journal: after a restart, everybody asks for the same entries."""
        room = self.open(name)
        last = room.ring.last
        entries = await self._journal.read(name, max(0, last - self._limits.page), self._limits.page)
        if entries and room.ring.last == last:
            room.ring.fill(entries)

    def first(self, room: Room) -> int:
        """Return the seq of the oldest entry that can still be read."""
        return min(self._journal.head(room.name).first, room.ring.first)

    # --- readers

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
        room.readers.add(peer)
        if peer.after + 1 < room.ring.first:
            peer.behind = True
            catch_up = self._catching_up[peer] = CatchUp(peer, room, self._journal)
            catch_up.task.add_done_callback(partial(self._caught_up, peer))

    def _caught_up(self, peer: Peer, task: asyncio.Task[None]) -> None:
        """Forget a catch-up. After a fault of our own the connection ends: its client comes back and resumes."""
        self._catching_up.pop(peer, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("a reader could not catch up", peer=peer.label, why=repr(error))
            self._disconnect(peer, "could not catch up")

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
            self._answer(peer, room, ask, room.ring.entries(after, max(0, end - after)))
            return
        peer.in_flight += PAGE_WEIGHT
        task = asyncio.get_running_loop().create_task(self._page_from_journal(peer, room, ask, after, end))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _page_from_journal(self, peer: Peer, room: Room, ask: History, after: int, end: int) -> None:
        try:
            entries = await read_current(self._journal, room, after, end - after)
            self._answer(peer, room, ask, [entry for entry in entries if entry.seq <= end])
        except ChatError as error:
            self._tick.reply(peer, error_frame(error))
        except Exception as error:  # noqa: BLE001 — a fault of our own: it is logged, and nobody waits for ever
            self._log.error("a page could not be read", peer=peer.label, room=room.name, why=repr(error))
            self._tick.reply(peer, error_frame(ChatError("this page could not be read: the server has a fault")))
        finally:
            self._tick.release(peer, PAGE_WEIGHT)

    def _answer(self, peer: Peer, room: Room, ask: History, entries: Sequence[Msg]) -> None:
        entries = fitting(entries, newest=ask.after is None)
        if ask.after is not None:
            more = bool(entries) and entries[-1].seq < room.ring.last
        else:
            more = bool(entries) and entries[0].seq > self.first(room)
        self._tick.reply(peer, Page(entries=list(entries), more=more))


def fitting(entries: Sequence[Msg], *, newest: bool) -> Sequence[Msg]:
    """Return as many entries as surely fit into MAX_PAGE_BYTES of JSON: the first ones, or the newest ones."""
    left = MAX_PAGE_BYTES
    for count, entry in enumerate(reversed(entries) if newest else entries):
        left -= 256 + 6 * (len(entry.text) + len(entry.nick))  # a control character is escaped with six bytes
        if left < 0 < count:
            return entries[-count:] if newest else entries[:count]
    return entries
