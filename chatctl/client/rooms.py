"""Several rooms at once, for scripts: ``from chatctl.client.rooms import connect_rooms``.

Nothing is decided here: this and aio_rooms.py differ only in how they wait for rooms_core.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from chatctl.client.connect_options import CONNECT_SECONDS, Mode, Server, ignore
from chatctl.client.core.api import Notice
from chatctl.client.core.events import Event
from chatctl.client.core.place import Place
from chatctl.client.io.loop_thread import LoopThread
from chatctl.client.rooms_core import MergedCore, RoomsCore, rooms_core
from chatctl.client.sync import Room
from chatctl.client.sync_following import Run
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
) -> Rooms:
    """Connect to several rooms of one chat, each by a connection of its own; to none, if one of them can't be had.

    Args:
        server: as in ``chatctl.client.connect``, and so are all others.
        rooms: the rooms' names, each once.
        nick: the nickname, the same in all rooms.
        mode: in all rooms.
        tls: as there.
        pin: as there.
        ca: as there.
        password: as there.
        key: as there.
        timeout: as there.
        wait: as there.
        notice: receives lines that begin with the room's name.

    Raises:
        RoomInvalid: a name is none.
        ValueError: there is no room, or one is named twice.
        ChatError: as ``connect``.
    """
    core = rooms_core(
        server, rooms, nick=nick, mode=mode, timeout=timeout, notice=notice,
        tls=tls, pin=pin, ca=ca, password=password, key=key,
    )  # fmt: skip
    thread = LoopThread()
    try:
        welcomes = thread.run(core.open(wait or None))
    except BaseException:
        thread.stop()
        raise
    made = {name: Room(one, welcomes[name], core.address, thread.run, _nothing) for name, one in core.cores.items()}
    return Rooms(core, made, thread)


def _nothing() -> None:
    """Leave the thread alone, which the other rooms need."""


class Rooms(Mapping[str, Room]):
    """Rooms by name, until ``close`` or the end of a ``with`` block. Threads may share it."""

    def __init__(self, core: RoomsCore, rooms: Mapping[str, Room], thread: LoopThread) -> None:
        """Call ``connect_rooms`` instead."""
        self._core = core
        self._rooms = rooms
        self._thread = thread
        self._stopped = False

    def __getitem__(self, name: str) -> Room:
        return self._rooms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rooms)

    def __len__(self) -> int:
        return len(self._rooms)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._close(self._core.close(handled=kind is None))

    def _close(self, closing: Coroutine[Any, Any, None]) -> None:
        if self._stopped:
            closing.close()
            return
        self._thread.run(closing)
        self._stopped = True
        self._thread.stop()

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
        """Return an iterator over what happens in all rooms: ``(room, event)``, the events of each room in its order.

        Args:
            history: start so many entries before the end of each room's log.
            resume: start after these positions, ``places`` of an earlier one; a room without one starts at its end.
            cursor: keep the position of each room in a file of its own, whose path is this with ``.ROOM`` behind it.
            live: continue with new entries; otherwise end where all logs end.
            presence: as in ``Room.follow``.
            whispers: as in ``Room.follow``.

        Raises:
            ValueError: ``resume`` names a room that is none of these.
            ChatError: as ``Room.follow``.
        """
        return RoomsFollowing(
            self._core.follow(
                cursor, resume, history=history, live=live, idle=None, presence=presence, whispers=whispers
            ),
            self._thread.run,
        )

    def drain(self) -> None:
        """Wait until all that other threads are saying has its outcome, and close all rooms."""
        self._close(self._core.drain())

    def close(self) -> None:
        """Close all rooms."""
        self._close(self._core.close())


class RoomsFollowing:
    """An iterator over ``(room, event)``. It belongs to one thread at a time.

    What happens in one room is never kept back by the silence of another. It ends when all rooms have ended.
    """

    def __init__(self, core: MergedCore, run: Run) -> None:
        """Call ``Rooms.follow`` instead."""
        self._core = core
        self._run = run

    def __enter__(self) -> Self:
        self._run(self._core.open())
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._run(self._core.close(handled=kind is None))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[str, Event]:
        found = self._run(self._core.next())
        if found is None:
            raise StopIteration
        return found

    @property
    def places(self) -> dict[str, Place]:
        """The position in each room behind what was returned of it: ``follow(resume=places)`` goes on there."""
        return self._core.places

    def close(self) -> None:
        """Hang up. Whoever waits for an entry gets none any more."""
        self._run(self._core.close())
