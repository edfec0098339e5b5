"""The asyncio form of the client: ``from chatctl.client.aio import connect``.

Nothing is decided here, and no line is shared with sync.py but the names: see api.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Self

from chatctl.client.core.address import Address
from chatctl.client.core.api import (
    ASK_SECONDS,
    CONNECT_SECONDS,
    RETRY_SECONDS,
    FollowCore,
    Notice,
    RoomCore,
    address_of,
    ignore,
)
from chatctl.client.core.question import Answer
from chatctl.client.io.aio_transport import AioTransport
from chatctl.protocol import DEFAULT_ROOM, Ack, Gap, Msg, Resume, Welcome

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Answer", "Following", "Room", "connect"]


def connect(
    server: str | Address = "127.0.0.1",
    *,
    nick: str | None = None,
    room: str = DEFAULT_ROOM,
    tls: bool | None = None,
    pin: str | None = None,
    ca: str | Path | None = None,
    password: str | None = None,
    key: str | Path | None = None,
    timeout: float = CONNECT_SECONDS,
    notice: Notice = ignore,
) -> _Connecting:
    """Connect, by ``async with`` or by ``await``. See ``chatctl.client.connect``."""
    address = address_of(server, tls=tls, pin=pin, ca=ca, password=password, key=key)
    return _Connecting(address, nick, room, timeout, notice)


class _Connecting:
    """A Room to be: what ``connect`` gives to ``await`` or to ``async with``."""

    def __init__(self, address: Address, nick: str | None, room: str, timeout: float, notice: Notice) -> None:
        self._shell = AioTransport()
        self._core = RoomCore(self._shell, address, nick, room, timeout, notice)
        self._room: Room | None = None

    def __await__(self) -> Generator[Any, Any, Room]:
        return self._connect().__await__()

    async def _connect(self) -> Room:
        return Room(self._core, await self._core.open(), self._shell)

    async def __aenter__(self) -> Room:
        self._room = await self._connect()
        return self._room

    async def __aexit__(self, *_: object) -> None:
        if self._room is not None:
            await self._room.close()


class Room:
    """A room that we are connected to. Any number of tasks may use it at once. See ``chatctl.client.Room``."""

    def __init__(self, core: RoomCore, welcome: Welcome, shell: AioTransport) -> None:
        """Made by ``connect``."""
        self._core = core
        self._shell = shell
        self.welcome = welcome
        """What the server said of itself when we came: its limits, for one."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def nick(self) -> str:
        """Our name."""
        return self._core.nick

    async def say(
        self,
        text: str,
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        retry_for: float = RETRY_SECONDS,
    ) -> Ack:
        """Say something once. Cancelled, it hangs up; it may or may not be said. See ``chatctl.client.Room.say``."""
        return await self._core.say(text, id, action, retry_for)

    def follow(
        self, *, history: int = 0, resume: Resume | None = None, live: bool = True, idle: float | None = None
    ) -> Following:
        """Give the room's entries, for ``async for``. See ``chatctl.client.Room.follow``."""
        return Following(self._core.follow(history, resume, live, idle), self._shell)

    async def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        *,
        nicks: Sequence[str] = (),
        timeout: float = ASK_SECONDS,  # noqa: ASYNC109 — as in the blocking form
    ) -> Answer:
        """Ask the people in the room. Cancelled, it tells them so first. See ``chatctl.client.Room.ask``."""
        return await self._core.ask(question, choices, nicks, timeout)

    async def close(self) -> None:
        """Hang up, whatever is still being followed."""
        self._core.close()
        await self._shell.closed()


class Following:
    """An asynchronous iterator over a room's entries, and a context manager. See ``chatctl.client.Following``."""

    def __init__(self, core: FollowCore, shell: AioTransport) -> None:
        """Made by ``Room.follow``."""
        self._core = core
        self._shell = shell

    async def __aenter__(self) -> Self:
        await self._core.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Msg | Gap:
        entry = await self._core.next()
        if entry is None:
            raise StopAsyncIteration
        return entry

    @property
    def place(self) -> Resume | None:
        """Where we stand. See ``chatctl.client.Following.place``."""
        return self._core.place

    async def close(self) -> None:
        """Hang up."""
        self._core.close()
        await self._shell.closed()
