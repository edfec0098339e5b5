"""Catching up: a reader whose cursor stands before the ring is given the log in pages, from the journal.

It is out of the sweep for so long. A page is read in the journal's own time, so that the loop never waits for a disk,
and the next one only when the reader has taken the last. What the journal no longer keeps is announced as a gap.
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
"""Entries that are read at once."""


class Taker(Reader, Protocol):
    """A reader that can leave meanwhile."""

    leaving: str | None


class CatchUp:
    """One reader's way from its cursor to the ring."""

    def __init__(self, reader: Taker, room: Room, journal: Journal) -> None:
        """Begin; ``task`` is done when the reader is in the sweep again, or gone."""
        self._reader = reader
        self._room = room
        self._journal = journal
        self._writable = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """The reader can take more again, or is leaving."""
        self._writable.set()

    async def _run(self) -> None:
        reader, room = self._reader, self._room
        while reader.leaving is None and reader.after + 1 < room.ring.first:
            if reader.paused:
                self._writable.clear()
                await self._writable.wait()
                continue
            self._give(await self._read(reader.after))
        reader.behind = False
        if reader.leaving is None:
            room.drain(reader)

    async def _read(self, after: int) -> Sequence[Msg]:
        try:
            return await self._journal.read(self._room.name, after, PAGE)
        except ChatError:
            return []  # the file can't be read now: the part that is missing is announced, the room goes on

    def _give(self, entries: Sequence[Msg]) -> None:
        reader = self._reader
        following = entries[0].seq if entries else self._room.ring.first
        parts: list[bytes] = []
        if following > reader.after + 1:
            parts.append(reader.dialect.render(Gap(from_=reader.after + 1, to=following - 1, why="retention")))
            reader.after = following - 1
        parts += [reader.dialect.render(entry) for entry in entries]
        reader.send(b"".join(parts))
        reader.after = entries[-1].seq if entries else reader.after
