"""Several rooms at once, for asyncio: ``from chatctl.client.aio_rooms import connect_rooms``.

Nothing is decided here: this and rooms.py differ only in how they wait for rooms_core.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from chatctl.client.aio import Room
from chatctl.client.connect_options import CONNECT_SECONDS, Mode, Server, ignore
from chatctl.client.core.api import Notice
from chatctl.client.core.events import Event
from chatctl.client.core.place import Place
from chatctl.client.rooms_core import MergedCore, RoomsCore, rooms_core
from chatctl.protocol import Resume

__all__ = ["Rooms", "RoomsFollowing", "connect_rooms"]


def connect_rooms(
    server: Server | Sequence[Server] = "127.0.0.1",
    rooms: Sequence[str] = (),
    *,
    nick: str | None = None,
    mode: Mode = "post",
    tls: bool | None = None,
    pin: str | None = None,
    ca: str | Path | None = None,
    password: str | None = None,
    key: str | Path | None = None,
    timeout: float = CONNECT_SECONDS,
    wait: float = 0.0,
    notice: Notice = ignore,
) -> _Connecting:
    """Connect to several rooms, by ``async with`` or by ``await``. See ``chatctl.client.rooms.connect_rooms``."""
    core = rooms_core(
        server, rooms, nick=nick, mode=mode, timeout=timeout, notice=notice,
        tls=tls, pin=pin, ca=ca, password=password, key=key,
    )  # fmt: skip
    return _Connecting(core, wait)


class _Connecting:
    """The result of ``connect_rooms``, for ``await`` or ``async with``."""

    def __init__(self, core: RoomsCore, wait: float) -> None:
        self._core = core
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, Rooms]:
        return self._connect().__await__()

    async def _connect(self) -> Rooms:
        welcomes = await self._core.open(self._wait or None)
        rooms = {name: Room(core, welcomes[name], self._core.address) for name, core in self._core.cores.items()}
        return Rooms(self._core, rooms)

    async def __aenter__(self) -> Rooms:
        return await self._connect()

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._core.close(handled=kind is None)


class Rooms(Mapping[str, Room]):
    """Rooms by name, each with a connection of its own. See ``chatctl.client.rooms.Rooms``."""

    def __init__(self, core: RoomsCore, rooms: Mapping[str, Room]) -> None:
        """Call ``connect_rooms`` instead."""
        self._core = core
        self._rooms = rooms

    def __getitem__(self, name: str) -> Room:
        return self._rooms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._core.close(handled=kind is None)

    @property
    def closed(self) -> bool:
        """Whether all of them are closed."""
        return self._core.closed

    def follow(
        self,
        *,
        history: int = 0,
        resume: Mapping[str, Resume] | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        presence: bool = False,
        whispers: bool = False,
    ) -> RoomsFollowing:
        """Return an iterator over what happens in all rooms. See ``chatctl.client.rooms.Rooms.follow``."""
        return RoomsFollowing(
            self._core.follow(
                cursor, resume, history=history, live=live, idle=None, presence=presence, whispers=whispers
            )
        )

    async def drain(self) -> None:
        """Wait until all that other tasks are saying has its outcome, and close all rooms."""
        await self._core.drain()

    async def close(self) -> None:
        """Close all rooms."""
        await self._core.close()


class RoomsFollowing:
    """An asynchronous iterator over ``(room, event)``. See ``chatctl.client.rooms.RoomsFollowing``."""

    def __init__(self, core: MergedCore) -> None:
        """Call ``Rooms.follow`` instead."""
        self._core = core

    async def __aenter__(self) -> Self:
        await self._core.open()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._core.close(handled=kind is None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str, Event]:
        found = await self._core.next()
        if found is None:
            raise StopAsyncIteration
        return found

    @property
    def places(self) -> dict[str, Place]:
        """The position in each room. See ``chatctl.client.rooms.RoomsFollowing.places``."""
        return self._core.places

    async def close(self) -> None:
        """Hang up. Whoever waits for an entry gets none any more."""
        await self._core.close()
