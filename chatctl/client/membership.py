"""A membership in a room that outlives its connections.

Lives here: reconnecting, resuming, noticing silence, sending unacknowledged messages again. Does not live here: one
connection (io/aio_connection.py), how a frame is shown (terminal/).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from math import inf
from typing import NoReturn, Protocol, cast

import msgspec

from chatctl.client.core.address import Address
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.core.keepalive import PING_SECONDS, Keepalive
from chatctl.client.core.outbox import Message, Outbox, new_id
from chatctl.client.core.retry import MAX_RETRY_AFTER, QUIET_SECONDS, Retry
from chatctl.client.core.transport import ClosableTransport
from chatctl.client.io.aio_connection import AioConnection
from chatctl.client.io.aio_transport import AioTransport
from chatctl.errors import ChatError, Forbidden, NickTaken, PasswordWrong, Unreachable, from_wire
from chatctl.protocol import (
    Ack,
    Bye,
    ClientFrame,
    Error,
    Gap,
    Hello,
    Msg,
    Ping,
    Pong,
    Resume,
    Say,
    ServerFrame,
    Welcome,
    Whisper,
    encode,
)

CONNECT_SECONDS = 10.0
"""Time for one connection."""

PERSON_SECONDS = 3600.0
"""The delay after a wrong password, unless somebody asks for a try: each one counts against the address."""

WATCH_SECONDS = 3.0
"""How often the wall clock is compared; also how long a server may take to answer after this machine slept."""

SLEPT_SECONDS = 10.0
"""A wall clock that jumps this far between two comparisons: this machine slept, and its connections are suspect."""

BUSY_SECONDS = 0.02
"""How often a busy listener is asked again."""


class MembershipListener(Protocol):
    """Shows what happens to a membership."""

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """The server let us in; ``missed`` entries follow, None if there is no cursor that fits this log."""

    def disconnected(self, why: str | None) -> None:
        """The connection broke, or could not be made again; the next try is at ``retry_at``.

        ``why`` is None if there is nothing new to say about it.
        """

    def received(self, frame: ServerFrame) -> None:
        """A frame arrived: each entry of the log once."""

    def refused(self, say: Say | Whisper, why: str) -> None:
        """The server will never accept this message."""

    def busy(self) -> bool:
        """Whether more has arrived than can be shown: reading waits until this is False."""


class Membership:
    """A membership. Entries arrive once each and in order, across any number of connections."""

    def __init__(
        self,
        address: Address,
        hello: Hello,
        outbox: Outbox,
        listener: MembershipListener,
        transport: ClosableTransport | None = None,
    ) -> None:
        """Start with ``run``.

        Args:
            address: of the server.
            hello: what to enter with; ``resume`` is the position of an earlier run, if any.
            outbox: messages of an earlier run that are not acknowledged.
            listener: receives what happens.
            transport: makes connections, AioConnections; closed at the end.
        """
        self._address = address
        self._hello = hello
        self._listener = listener
        self._transport = transport or AioTransport()
        self._connection: AioConnection | None = None
        self._retry = Retry(self._transport, address)
        self._retry_now = asyncio.Event()
        self._pinged_at: float | None = None
        self._leaving = False
        self._sent_away: ChatError | None = None
        self._waiting_since = self._transport.now()
        self._running: asyncio.Task[None] | None = None
        self._told: str | None = None
        self._came_back_at = -inf
        self._has_doubted = False
        self._retry_after: float | None = None
        self._cursor = Cursor(hello.resume)
        self.outbox = outbox
        self.welcome: Welcome | None = None
        self.retry_at: float | None = None
        """When the next try to connect is made, on the event loop's clock; None while connected."""
        self.lost_at: float | None = None
        """When the connection was lost, on the same clock; None while connected, and before the first connection."""
        self.lag = 0.0
        """Seconds between the last ping and its answer."""

    @property
    def cursor(self) -> Resume | None:
        """The position in the room's log; None before the first connection."""
        return self._cursor.here

    @property
    def awaits_gap(self) -> bool:
        """Whether the gap is still to come that says what of the earlier position is gone."""
        return self._cursor.awaits_gap

    @property
    def connected(self) -> bool:
        """Whether there is a connection at the moment."""
        return self._connection is not None

    async def run(self) -> None:
        """Stay in the room until ``leave``, or until the server ends the membership.

        Raises:
            ChatError: the first connection failed; or the server ended the membership.
        """
        self._running = asyncio.current_task()
        try:
            await self._stay()
        except asyncio.CancelledError:
            if not self._leaving:
                raise
        finally:
            self._transport.close()
        if self._sent_away is not None:
            raise self._sent_away

    async def _stay(self) -> None:
        while not self._leaving:
            try:
                end = await self._once()
                why: str | None = end.text
            except ChatError as error:
                if self.welcome is None:
                    raise
                end, why = error, self._news(error)
            if not self._leaving:
                # a wrong password does not become right by itself
                await self._pause(why, PERSON_SECONDS if isinstance(end, PasswordWrong) else self._retry.delay(end))

    def _news(self, error: ChatError) -> str | None:
        """Return what to tell of a failed try: not that nobody is there, and nothing twice.

        After the first connection no refusal ends the membership: the server may accept us at the next try, and what
        the person is typing must not be lost.
        """
        if isinstance(error, Unreachable) or error.text == self._told:
            return None
        self._told = error.text
        return error.text

    async def _once(self) -> ChatError:
        """Connect, and stay until the connection ends; return the error that ended it.

        Raises:
            ChatError: the connection could not be made.
        """
        hello = msgspec.structs.replace(self._hello, resume=self._cursor.ask)
        if self.welcome is not None:
            hello = msgspec.structs.replace(hello, nick=self.welcome.nick)
        deadline = Deadline.after(CONNECT_SECONDS, self._transport.now)
        connection = cast(AioConnection, await self._transport.connect(self._address, hello, deadline))
        self._connection = connection
        self._retry.connected()
        try:
            self._enter(connection.welcome)
            for message in self.outbox:
                self.send_again(message)
            return await self._read(connection)
        except ChatError as error:
            connection.abort()
            return ConnectionEnded(error.text, retry_after=self._retry_after)
        finally:
            self._connection = None

    def send_again(self, message: Message) -> None:
        """Send a message of the outbox, unless this server would hang up on it: that would have no end."""
        assert self.welcome is not None, "there was a connection"
        size, limit = len(encode(message.frame)) - 1, self.welcome.limits.line
        if size <= limit:
            self.send(message.frame)
        else:
            self.outbox.settle(message.id)
            self._listener.refused(message.frame, f"it has {size} bytes as JSON, and the server takes at most {limit}")

    def _enter(self, welcome: Welcome) -> None:
        known = self._cursor.resume
        self._cursor.enter(welcome, self._hello.history)
        here = self._cursor.here
        fits = known is not None and here is not None and not self._cursor.lost
        missed = welcome.last - here.after if fits and here is not None else None
        if self.welcome is not None:
            now = self._transport.now()
            self._has_doubted = self._has_doubted and now - self._came_back_at < CONNECT_SECONDS
            self._came_back_at = now
        self.welcome = welcome
        self.retry_at = self.lost_at = None
        self._pinged_at = None
        self._told = None
        self._retry_after = None
        self._listener.connected(welcome, missed)

    async def _pause(self, why: str | None, delay: float) -> None:
        now = self._transport.now()
        self.retry_at = now + delay
        self.lost_at = now if self.lost_at is None else self.lost_at
        self._retry_now.clear()
        self._listener.disconnected(why)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._retry_now.wait()

    async def _read(self, connection: AioConnection) -> NoReturn:
        """Pass on every frame. Raises ChatError when the connection ends, or the server no longer answers."""
        keepalive = Keepalive(self._transport.now, PING_SECONDS, regular=True)
        wall = time.time()
        while True:
            with contextlib.suppress(DeadlinePassed):
                frame = await connection.receive(Deadline.after(WATCH_SECONDS, self._transport.now))
                keepalive.heard()
                self._receive(frame)
            while self._listener.busy():
                await asyncio.sleep(BUSY_SECONDS)
                keepalive.heard()  # the silence was ours
            before, wall = wall, time.time()
            if wall - before > WATCH_SECONDS + SLEPT_SECONDS:  # the monotonic clock stands still meanwhile
                keepalive.suspect(WATCH_SECONDS)
            if keepalive.due():
                self._ping(connection)

    def _ping(self, connection: AioConnection) -> None:
        if self._pinged_at is None:
            self._pinged_at = self._transport.now()
        connection.write(Ping(t=self._pinged_at))

    def retry_now(self) -> None:
        """Try to connect at once instead of at ``retry_at``."""
        self._retry_now.set()

    def _receive(self, frame: ServerFrame) -> None:
        match frame:
            case Msg() | Gap():
                if self._cursor.take(frame) is None:
                    return
            case Ack(id=ident):
                self.outbox.settle(ident)
                self._waiting_since = self._transport.now()
            case Error(id=ident) if ident in self.outbox and frame.code in ("storage", "rate_limited"):
                wait = min(max(frame.retry_after or 1.0, 0.1), MAX_RETRY_AFTER)
                asyncio.get_running_loop().call_later(wait, self._say_again, ident)
                return  # it stays in the outbox: the status says so
            case Error(id=ident) if (message := self.outbox.settle(ident)) is not None:
                self._listener.refused(message.frame, frame.text)
                return
            case Pong(t=t) if t == self._pinged_at and self._pinged_at is not None:
                self.lag = self._transport.now() - self._pinged_at
                self._pinged_at = None
            case Bye(final=True, code=NickTaken.wire_code) if self._may_be_replaced_by_itself():
                return  # the connection ends, and is made again
            case Bye(final=True, why=why, code=code):
                self._leaving = True  # coming back is for a person to decide
                self._sent_away = from_wire(code, f"{why}: you have left the room") if code else Forbidden(why)
            case Bye(retry_after=seconds):
                self._retry_after = seconds
        self._listener.received(frame)

    def _may_be_replaced_by_itself(self) -> bool:
        """Return whether what replaced this connection may be an earlier try of ours, that a server has let in last.

        Its connection broke before it was answered. Once in a row: two who have one token would replace each other for
        ever.
        """
        if self._has_doubted or self._transport.now() - self._came_back_at >= CONNECT_SECONDS:
            return False
        self._has_doubted = True
        return True

    def _say_again(self, ident: str | None) -> None:
        for message in self.outbox:
            if message.id == ident:
                self.send(message.frame)

    def send(self, frame: ClientFrame) -> bool:
        """Send a frame now; return False while there is no connection."""
        if self._connection is None:
            return False
        self._connection.write(frame)
        return True

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone for so long that a person should see it."""
        return self.lost_at is not None and self._transport.now() - self.lost_at >= QUIET_SECONDS

    def renamed(self, nick: str) -> None:
        """Use this nickname for later connections."""
        if self.welcome is not None:
            self.welcome = msgspec.structs.replace(self.welcome, nick=nick)

    def oldest_wait(self) -> float:
        """Return the seconds for which the oldest unacknowledged message has waited."""
        return self._transport.now() - self._waiting_since if len(self.outbox) else 0.0

    def say(self, text: str, *, action: bool = False) -> None:
        """Say something, now or as soon as there is a connection. Raises OutboxFull."""
        if not len(self.outbox):
            self._waiting_since = self._transport.now()
        message = Message(Say(text, id=new_id(self._transport.random_bytes), action=action))
        self.outbox.add(message)
        self.send(message.frame)

    async def settled(self, seconds: float) -> bool:
        """Wait until every message is answered; return False if no answer arrives for ``seconds``."""
        now = self._transport.now
        if self._connection is not None:
            self._pinged_at = None
            self._ping(self._connection)  # its answer follows those to all earlier frames
        unsent, deadline = len(self.outbox), now() + seconds
        while (len(self.outbox) or self._pinged_at is not None) and now() < deadline:
            await asyncio.sleep(0.01)
            if len(self.outbox) < unsent:
                unsent, deadline = len(self.outbox), now() + seconds
        return not len(self.outbox)

    def leave(self) -> None:
        """Say ``bye`` and end ``run``."""
        self._leaving = True
        if self._connection is not None:
            self._connection.close()
        elif self._running is not None:
            self._running.cancel()  # it waits for a server, perhaps for one that is not there
