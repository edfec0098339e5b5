"""Several rooms of one chat as one thing: a connection for each behind it, and what happens in all of them in one row.

Lives here: what both public forms share (rooms.py, aio_rooms.py). It needs a running event loop. Does not live here:
one room (core/api.py), and in which order the entries of one come (core/following.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chatctl.client.connect_options import Mode, Server, address_of, log, room_core, start_of
from chatctl.client.core.address import Address
from chatctl.client.core.api import Notice, RoomCore
from chatctl.client.core.events import Event
from chatctl.client.core.following import FollowCore
from chatctl.client.core.place import Place
from chatctl.client.io.aio_transport import AioTransport
from chatctl.client.member_room import MemberRoom
from chatctl.common.names import check_room
from chatctl.protocol import Resume, Welcome


class RoomsCore:
    """Rooms by name."""

    def __init__(self, cores: Mapping[str, RoomCore], address: Address) -> None:
        """Connect with ``open``; ``address`` is that of the first server."""
        self.cores = dict(cores)
        self.address = address
        self._merged: list[MergedCore] = []

    @property
    def closed(self) -> bool:
        """Whether all rooms are closed."""
        return all(core.closed for core in self.cores.values())

    async def open(self, wait: float | None) -> dict[str, Welcome]:
        """Connect to all, trying for ``wait`` seconds; to none if one can't be had. Raises as ``RoomCore.open``."""
        tasks = {name: asyncio.ensure_future(core.open(wait)) for name, core in self.cores.items()}
        try:
            await asyncio.gather(*tasks.values())
        except BaseException:
            await self.close()
            await _ended(tasks.values())
            raise
        return {name: task.result() for name, task in tasks.items()}

    async def close(self, *, handled: bool = True) -> None:
        """Close all rooms. ``handled``: as ``FollowCore.close``."""
        await self._each(lambda core: core.close(handled=handled), handled=handled)

    async def drain(self) -> None:
        """Let what is being said get its outcome, and close. As ``RoomCore.drain``."""
        await self._each(lambda core: core.drain(), handled=True)

    async def _each(self, end: Callable[[RoomCore], Any], *, handled: bool) -> None:
        merged, self._merged = self._merged, []
        try:
            for one in merged:
                await one.close(handled=handled)
        finally:
            ends = [asyncio.ensure_future(end(core)) for core in self.cores.values()]
            await asyncio.wait(ends)  # unlike gather() it lets them go on where this is cancelled
            for one in ends:
                one.result()

    def follow(self, cursor: str | Path | None, resume: Mapping[str, Resume] | None, **options: Any) -> MergedCore:
        """Return what happens in all rooms. Raises ValueError for a room that is none of them; as ``RoomCore.follow``.

        Args:
            cursor: the start of the paths of the files that keep the positions, ``.ROOM`` follows.
            resume: positions by room.
            options: as ``start_of`` takes them.
        """
        positions = dict(resume or {})
        if unknown := positions.keys() - self.cores.keys():
            raise ValueError(f"there is no room {', '.join(sorted(unknown))} among these")
        followings: dict[str, FollowCore] = {}
        for name, core in self.cores.items():
            file = None if cursor is None else f"{cursor}.{name}"
            followings[name] = core.follow(start_of(self.address, file, resume=positions.get(name), **options))
        merged = MergedCore(followings)
        self._merged = [*(one for one in self._merged if not one.closed), merged]
        return merged


class MergedCore:
    """What happens in several rooms: in each in its order, and none waits for another one's silence."""

    def __init__(self, followings: Mapping[str, FollowCore]) -> None:
        """Connect with ``open`` or ``next``."""
        self.closed = False
        self._followings = dict(followings)
        self._left = list(followings)  # those that have not ended; the one that was last told of is the last
        self._waiting: dict[str, asyncio.Task[Event | None]] = {}
        self._lock = asyncio.Lock()

    @property
    def places(self) -> dict[str, Place]:
        """The position in each room behind what was returned of it; of a room that nothing is known of yet, none."""
        places = {name: following.place for name, following in self._followings.items() if name not in self._ready()}
        return {name: place for name, place in places.items() if place is not None}

    async def open(self) -> None:
        """Connect to all: from now on, nothing is missed. Raises as ``FollowCore.open``."""
        for following in self._followings.values():
            await following.open()

    async def next(self) -> tuple[str, Event] | None:
        """Return what happens next, and in which room; None at the end of all. Raises as ``FollowCore.next``."""
        async with self._lock:
            while self._left and not self.closed:
                for name in self._left:
                    if name not in self._waiting:
                        self._waiting[name] = asyncio.ensure_future(self._followings[name].next())
                await asyncio.wait(self._waiting.values(), return_when=asyncio.FIRST_COMPLETED)
                name = next(name for name in self._left if self._waiting[name].done())
                self._left.remove(name)
                event = self._waiting.pop(name).result()
                if event is not None:
                    self._left.append(name)
                    if not self.closed:
                        return name, event
            return None

    def _ready(self) -> list[str]:
        """Return the rooms of which something waits to be returned."""
        return [name for name, task in self._waiting.items() if task.done() and not task.cancelled()]

    async def close(self, *, handled: bool = True) -> None:
        """Hang up. What waits to be returned was not handled. As ``FollowCore.close``."""
        self.closed = True
        ready = self._ready()
        try:
            for name, following in self._followings.items():
                await following.close(handled=handled and name not in ready)
        finally:
            await _ended(self._waiting.values())


async def _ended(tasks: Any) -> None:
    """Wait for tasks that are about to end, and take their errors: nobody else does."""
    await asyncio.gather(*tasks, return_exceptions=True)


def rooms_core(
    server: Server | Sequence[Server],
    rooms: Sequence[str],
    *,
    nick: str | None,
    mode: Mode,
    timeout: float,
    notice: Notice,
    **options: Any,
) -> RoomsCore:
    """Return what ``connect_rooms`` connects to. Raises RoomInvalid; as ``address_of`` and ``room_core``."""
    if isinstance(rooms, str) or not rooms:
        raise ValueError("name the rooms, in a list")
    if len(set(rooms)) < len(rooms):
        raise ValueError("a room is named twice")
    address = address_of(server, **options)
    kind = MemberRoom if mode == "join" else RoomCore

    def core(room: str) -> RoomCore:
        def tell(line: str) -> None:
            notice(f"{room}: {line}")

        return room_core(AioTransport(log), address, nick, check_room(room), timeout, tell, kind)

    return RoomsCore({room: core(room) for room in rooms}, address)
