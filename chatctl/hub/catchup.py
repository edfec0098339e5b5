"""Catching up: a reader whose cursor stands before the ring gets the log in pages, from the journal.

The sweep leaves it alone until then. The next page is read only when the reader has taken the last one, so at most one
is in memory, and the loop never waits for a disk. A page has as many bytes as a slice of the sweep: few while memory is
short. What the journal no longer has is announced as a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from chatctl.core.room import Reader, Room
from chatctl.errors import ChatError
from chatctl.journal import Journal
from chatctl.protocol import Gap, Msg

PAGE = 500
"""Entries of one read, at most: fewer if they would not fit into one slice."""


async def read_current(
    journal: Journal, room: Room, after: int, limit: int, *, most: int, newest: bool = False
) -> Sequence[Msg]:
    """Read entries as ``Journal.read``; again if some were redacted before they came."""
    while True:
        edition = room.edition
        entries = await journal.read(room.name, after, limit, most=most, newest=newest)
        if edition == room.edition:
            return entries


class LeavingReader(Reader, Protocol):
    """A reader that may disconnect meanwhile."""

    leaving: str | None


class CatchUp:
    """Brings one reader from its cursor to the ring."""

    def __init__(self, reader: LeavingReader, room: Room, journal: Journal, reads: asyncio.Semaphore) -> None:
        """Start; ``task`` is done when the reader is in the sweep again, or leaving."""
        self._reader = reader
        self._room = room
        self._journal = journal
        self._reads = reads
        self._writable = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """Go on: the reader can take more again, or is leaving."""
        self._writable.set()

    async def _run(self) -> None:
        reader, room = self._reader, self._room
        while reader.leaving is None and reader.after + 1 < room.ring.first:
            if reader.paused:
                self._writable.clear()
                await self._writable.wait()
                continue
            await self._send_page()
        reader.behind = False
        if reader.leaving is None:
            room.drain(reader)

    async def _send_page(self) -> None:
        async with self._reads:
            reader, most = self._reader, self._room.batch_bytes()
            entries = await self._read(after := reader.after, most)
            if reader.leaving is None and reader.after == after:  # else the log was cut meanwhile
                self._send(entries, most)

    async def _read(self, after: int, most: int) -> Sequence[Msg]:
        try:
            return await read_current(self._journal, self._room, after, PAGE, most=most)
        except ChatError:
            return []  # unreadable now: what is missing is announced as a gap, the room goes on

    def _send(self, entries: Sequence[Msg], most: int) -> None:
        """Send what fits into ``most`` bytes as it is rendered, or one entry; the others are read again."""
        reader = self._reader
        following = entries[0].seq if entries else self._room.ring.first
        parts: list[bytes] = []
        if following > reader.after + 1:
            parts.append(reader.dialect.render(Gap(from_=reader.after + 1, to=following - 1, why="retention")))
            self._room.count_gap("retention", following - 1 - reader.after)
            reader.after = following - 1
        for entry in entries:
            parts.append(reader.dialect.render(entry))
            reader.after = entry.seq
            most -= len(parts[-1])
            if most <= 0:
                break
        reader.send(b"".join(parts))
