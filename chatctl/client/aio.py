"""The asyncio form of the client: ``from chatctl.client.aio import connect``.

Nothing is decided here: this and sync.py differ only in how they wait for core/api.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, Self, TypeVar, cast, overload

from chatctl import protocol
from chatctl.client.connect_options import (
    ASK_SECONDS,
    CONNECT_SECONDS,
    RETRY_SECONDS,
    Mode,
    Server,
    address_of,
    ignore,
    log,
    room_core,
    start_of,
)
from chatctl.client.core.address import Address
from chatctl.client.core.api import Notice, RoomCore
from chatctl.client.core.asking import Answer
from chatctl.client.core.events import Back, Event, Join, Leave, Lost, Msg, Rename, Whisper
from chatctl.client.core.following import FollowCore
from chatctl.client.core.place import Place
from chatctl.client.io.aio_transport import AioTransport
from chatctl.client.member_room import MemberRoom
from chatctl.protocol import DEFAULT_ROOM, Ack, Gap, Redacted, Resume, Roster, Welcome

__all__ = [
    "Answer",
    "Back",
    "Event",
    "Following",
    "Gap",
    "Join",
    "Leave",
    "Lost",
    "Msg",
    "Place",
    "Redacted",
    "Rename",
    "Room",
    "Whisper",
    "connect",
]

E = TypeVar("E")
Core = TypeVar("Core", bound=RoomCore | FollowCore)


def connect(
    server: Server | Sequence[Server] = "127.0.0.1",
    *,
    nick: str | None = None,
    room: str = DEFAULT_ROOM,
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
    """Connect, by ``async with`` or by ``await``. See ``chatctl.client.connect``."""
    address = address_of(server, tls=tls, pin=pin, ca=ca, password=password, key=key)
    kind = MemberRoom if mode == "join" else RoomCore
    core = room_core(AioTransport(log), address, nick, room, timeout, notice, kind)
    return _Connecting(core, address, wait)


class _Closing(Generic[Core]):
    """Hangs up by ``close``, or at the end of an ``async with`` block."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._core.close(handled=kind is None)

    async def close(self) -> None:
        """Hang up; a room ends every Following, too. Whoever waits for an entry gets none any more."""
        await self._core.close()


class _Connecting(_Closing[RoomCore]):
    """The result of ``connect``, for ``await`` or ``async with``."""

    def __init__(self, core: RoomCore, address: Address, wait: float) -> None:
        super().__init__(core)
        self._address = address
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, Room]:
        return self._connect().__await__()

    async def _connect(self) -> Room:
        try:
            welcome = await self._core.open(self._wait or None)
        except BaseException:
            await self._core.close()
            raise
        return Room(self._core, welcome, self._address)

    async def __aenter__(self) -> Room:
        return await self._connect()


class Room(_Closing[RoomCore]):
    """A room that we are connected to. Any number of tasks may use it at once. See ``chatctl.client.Room``."""

    def __init__(self, core: RoomCore, welcome: Welcome, address: Address) -> None:
        """Call ``connect`` instead."""
        super().__init__(core)
        self._address = address
        self.welcome = welcome
        """The server's answer to the first connection, with its limits."""

    async def __aenter__(self) -> Self:
        return self

    @property
    def nick(self) -> str:
        """Our nickname."""
        return self._core.nick

    @property
    def closed(self) -> bool:
        """Whether it is closed. See ``chatctl.client.Room.closed``."""
        return self._core.closed

    async def say(
        self,
        text: str,
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        retry_for: float = RETRY_SECONDS,
    ) -> Ack:
        """Say a message once. Cancelled, it hangs up: it may or may not be stored. See ``chatctl.client.Room.say``."""
        return await self._core.say(text, id, action, retry_for)

    async def whisper(self, to: str, text: str, *, retry_for: float = RETRY_SECONDS) -> Ack:
        """Tell one member something. See ``chatctl.client.Room.whisper``."""
        return await self._core.whisper(to, text, retry_for)

    async def who(self) -> Roster:
        """Return the members of the room. See ``chatctl.client.Room.who``."""
        return await self._core.who()

    @overload
    def follow(
        self,
        *,
        history: int = 0,
        resume: Resume | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        idle: float | None = None,
        presence: Literal[False] = False,
        whispers: Literal[False] = False,
    ) -> Following[Msg | Gap]: ...

    @overload
    def follow(
        self,
        *,
        history: int = 0,
        resume: Resume | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        idle: float | None = None,
        presence: bool = False,
        whispers: bool = False,
    ) -> Following[Event]: ...

    def follow(
        self,
        *,
        history: int = 0,
        resume: Resume | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        idle: float | None = None,
        presence: bool = False,
        whispers: bool = False,
    ) -> Following[Any]:
        """Return an iterator over the room's entries. See ``chatctl.client.Room.follow``."""
        start = start_of(
            self._address, cursor, history=history, resume=resume, live=live, idle=idle, presence=presence,
            whispers=whispers,
        )  # fmt: skip
        return Following(self._core.follow(start))

    async def search(
        self,
        text: str,
        *,
        nicks: Sequence[str] = (),
        since: float | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[protocol.Msg]:
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

    async def drain(self) -> None:
        """Wait until all that other tasks are saying has its outcome, and close. See ``chatctl.client.Room.drain``."""
        await self._core.drain()


class Following(_Closing[FollowCore], Generic[E]):
    """An asynchronous iterator over a room's entries, and a context manager. See ``chatctl.client.Following``.

    Call ``Room.follow`` to get one.
    """

    async def __aenter__(self) -> Self:
        await self._core.open()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        event = await self._core.next()
        if event is None:
            raise StopAsyncIteration
        return cast(E, event)

    @property
    def place(self) -> Place | None:
        """The position. See ``chatctl.client.Following.place``."""
        return self._core.place
