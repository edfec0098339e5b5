"""The asyncio form of the client: ``from chatctl.client.aio import connect``.

Nothing is decided here: this and sync.py differ only in how they wait for core/api.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from chatctl.client.connect_options import (
    ASK_SECONDS,
    CONNECT_SECONDS,
    RETRY_SECONDS,
    address_of,
    ignore,
    room_core,
)
from chatctl.client.core.address import Address
from chatctl.client.core.api import FollowCore, Notice, RoomCore
from chatctl.client.core.asking import Answer
from chatctl.client.io.aio_transport import AioTransport
from chatctl.protocol import DEFAULT_ROOM, Ack, Gap, Msg, Resume, Welcome

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Answer", "Following", "Room", "connect"]

Core = TypeVar("Core", bound=RoomCore | FollowCore)


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
    transport = AioTransport()
    return _Connecting(room_core(transport, address, nick, room, timeout, notice), transport)


class _Closing(Generic[Core]):
    """Hangs up by ``close``, or at the end of an ``async with`` block."""

    def __init__(self, core: Core, transport: AioTransport) -> None:
        self._core = core
        self._transport = transport

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up; a room ends every Following, too."""
        self._core.close()
        await self._transport.closed()


class _Connecting(_Closing[RoomCore]):
    """The result of ``connect``, for ``await`` or ``async with``."""

    def __await__(self) -> Generator[Any, Any, Room]:
        return self._connect().__await__()

    async def _connect(self) -> Room:
        return Room(self._core, await self._core.open(), self._transport)

    async def __aenter__(self) -> Room:
        return await self._connect()


class Room(_Closing[RoomCore]):
    """A room that we are connected to. Any number of tasks may use it at once. See ``chatctl.client.Room``."""

    def __init__(self, core: RoomCore, welcome: Welcome, transport: AioTransport) -> None:
        """Call ``connect`` instead."""
        super().__init__(core, transport)
        self.welcome = welcome
        """The server's answer to the first connection, with its limits."""

    async def __aenter__(self) -> Self:
        return self

    @property
    def nick(self) -> str:
        """Our nickname."""
        return self._core.nick

    async def say(
        self,
        text: str,
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        retry_for: float = RETRY_SECONDS,
    ) -> Ack:
        """Say a message once. Cancelled, it hangs up: it may or may not be said. See ``chatctl.client.Room.say``."""
        return await self._core.say(text, id, action, retry_for)

    def follow(
        self, *, history: int = 0, resume: Resume | None = None, live: bool = True, idle: float | None = None
    ) -> Following:
        """Return an iterator over the room's entries. See ``chatctl.client.Room.follow``."""
        return Following(self._core.follow(history, resume, live, idle), self._transport)

    async def search(
        self,
        text: str,
        *,
        nicks: Sequence[str] = (),
        since: float | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Msg]:
        """Return the messages that hold a text, the newest first. See ``chatctl.client.Room.search``."""
        return await self._core.search(text, nicks, since, before, limit)

    async def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        *,
        nicks: Sequence[str] = (),
        keys: Sequence[str] = (),
        approvals: int | None = None,
        timeout: float = ASK_SECONDS,  # noqa: ASYNC109 — as in the blocking form
    ) -> Answer:
        """Ask the people in the room. Cancelled, it tells them first. See ``chatctl.client.Room.ask``."""
        return await self._core.ask(question, choices, nicks, keys, approvals, timeout)


class Following(_Closing[FollowCore]):
    """An asynchronous iterator over a room's entries, and a context manager. See ``chatctl.client.Following``.

    Call ``Room.follow`` to get one.
    """

    async def __aenter__(self) -> Self:
        await self._core.open()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Msg | Gap:
        entry = await self._core.next()
        if entry is None:
            raise StopAsyncIteration
        return entry

    @property
    def place(self) -> Resume | None:
        """The position. See ``chatctl.client.Following.place``."""
        return self._core.place
