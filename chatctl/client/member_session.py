"""Being a member of a room from a program, and telling those who follow it what reaches a member.

Does not live here: reconnecting and resuming (membership.py), the past of a room (member_follower.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chatctl import protocol
from chatctl.client.core.address import Address
from chatctl.client.core.events import Back, Lost, Presence, Whisper
from chatctl.client.core.member_changes import MemberChanges
from chatctl.client.core.outbox import Outbox
from chatctl.client.core.transport import ClosableTransport
from chatctl.client.membership import Membership
from chatctl.errors import ChatError
from chatctl.protocol import Gap, Hello, Msg, Redacted, Resume, ServerFrame, Welcome, Who

MemberEvent = Msg | Gap | Redacted | Presence | Whisper | Lost | Back | Welcome | ChatError
"""What a subscriber gets: a Welcome for each connection, and a ChatError at the end of the membership."""


class Subscriber:
    """Receives the events of a membership, in order."""

    def __init__(self, take: Callable[[MemberEvent], None], waiting: Callable[[], int]) -> None:
        """``waiting`` returns how many events were not handled yet."""
        self.take = take
        self.waiting = waiting


MAX_WAITING = 1000
"""Events that wait for one subscriber; with more, nothing is read from the server."""


class MemberSession:
    """A membership, and its ``MembershipListener``."""

    def __init__(self, address: Address, hello: Hello, transport: ClosableTransport) -> None:
        """Join with ``enter``."""
        self._transport = transport
        self._membership = Membership(address, hello, Outbox(), self, transport)
        self._members = MemberChanges()
        self._entered: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self._running: asyncio.Task[None] | None = None
        self._is_lost = False
        self._subscribers: list[Subscriber] = []
        self._end: ChatError | None = None

    @property
    def position(self) -> Resume | None:
        """The position in the room's log behind the last event."""
        return self._membership.cursor

    @property
    def welcome(self) -> Welcome:
        """The server's last welcome."""
        assert self._membership.welcome is not None, "it was entered"
        return self._membership.welcome

    async def enter(self) -> None:
        """Join. Raises as ``Transport.connect``."""
        self._running = asyncio.create_task(self._run())
        ends: list[asyncio.Future[Any]] = [self._running, self._entered]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._end is not None:
            raise self._end

    async def _run(self) -> None:
        try:
            await self._membership.run()
        except ChatError as error:
            self._end = error
            self._tell(error)

    async def leave(self) -> None:
        """Leave the room."""
        self._membership.leave()
        if self._running is not None:
            await asyncio.wait([self._running])
        await self._transport.closed()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell ``subscriber`` what happens from now on. Raises the error that ended the membership, if one did."""
        if self._end is not None:
            raise self._end
        self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Tell ``subscriber`` nothing any more."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)

    def _tell(self, event: MemberEvent) -> None:
        for subscriber in self._subscribers:
            subscriber.take(event)

    # --- what a membership tells its listener

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """Tell that the connection is back, and who came and went meanwhile."""
        if not self._entered.done():
            self._entered.set_result(welcome)
        self._tell(welcome)
        if self._is_lost:
            self._is_lost = False
            self._tell(Back())
        if welcome.count <= len(welcome.members):
            self._compare(welcome.members)
        else:
            asyncio.get_running_loop().call_soon(self._membership.send, Who())

    def _compare(self, members: list[str]) -> None:
        for change in self._members.compare(members):
            self._tell(change)

    def disconnected(self, why: str | None) -> None:
        """Tell once that the connection is lost."""
        if not self._is_lost:
            self._is_lost = True
            self._tell(Lost(why or "the connection is lost"))

    def received(self, frame: ServerFrame) -> None:
        """Tell what a frame says."""
        match frame:
            case Msg() | Gap() | Redacted():
                self._tell(frame)
            case protocol.Whispered(from_=nick, text=text, time=time):
                self._tell(Whisper(nick, text, time))
            case _:
                for change in self._members.note(frame):
                    self._tell(change)
        if self._members.misses(frame):
            self._membership.send(Who())

    def refused(self, say: protocol.Say | protocol.Whisper, why: str) -> None:
        """Do nothing: nothing is said on this connection."""

    def busy(self) -> bool:
        """Return whether a subscriber has more to handle than it should have to keep."""
        return any(subscriber.waiting() > MAX_WAITING for subscriber in self._subscribers)
