"""Saying one message now and another later, under one nickname, without being in the room."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from chatctl.client.core.deadline import DeadlinePassed, ReaderGone
from chatctl.client.core.outbox import Message, new_id
from chatctl.client.core.own_entries import OwnEntries
from chatctl.client.core.request import request
from chatctl.client.core.sender import Sender
from chatctl.errors import ChatError, Closed, OutcomeUnknown, Unreachable
from chatctl.protocol import Ack, Hello, Limits, Roster, Say, Welcome, Whisper, Who

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Transport

T = TypeVar("T")


class Speaker:
    """Says one message at a time; concurrent callers take turns."""

    def __init__(
        self, transport: Transport, address: Address, hello: Hello, timeout: float, *, keep_open: bool
    ) -> None:
        """Connect with the first message.

        Args:
            transport: makes connections.
            address: of the server.
            hello: enters in a mode that may ``say``.
            timeout: seconds for one try.
            keep_open: keep the connection from one message to the next; otherwise, connect for each.
        """
        self._transport = transport
        self._sender = Sender(transport, address, hello, timeout=timeout)
        self._lock = transport.lock()
        self._keep_open = keep_open
        self.own = OwnEntries(hello.nick)
        """What was said, to be told from what others say."""

    async def say(
        self,
        text: str | Callable[[Limits], str],
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        asks: str | None = None,
        retry_for: float | None = None,
    ) -> Ack:
        """Say a message once.

        Args:
            text: the text, or a function that makes it fit the server's limits.
            id: the server says a message with the same id once, however often it arrives; made up if None.
            action: an action rather than speech: "* ci deploys".
            asks: the tag of the question that it asks.
            retry_for: seconds for all tries; None is one try.

        Raises:
            TooLong: the text is over the server's limit; nothing was sent.
            ChatError: as ``Sender.say``.
        """
        ident = id or new_id(self._transport.random_bytes)

        async def say() -> Ack:
            with contextlib.suppress(ChatError):  # a connection that broke meanwhile is made again
                await self._sender.poll()
            said = text if isinstance(text, str) else text((await self._sender.open()).limits)
            return await self._say(Say(said, id=ident, action=action, asks=asks))

        return await self._lock.hold(lambda: self._turn(retry_for, say))

    async def _say(self, say: Say) -> Ack:
        self.own.saying(say)
        try:
            ack = await self._sender.say_one(Message(say))
        except OutcomeUnknown:
            raise
        except ChatError:
            self.own.refused(say)
            raise
        if (connection := self._sender.connection) is not None:
            self.own.said(say, connection.welcome.epoch, ack)
        return ack

    async def whisper(self, to: str, text: str, retry_for: float | None) -> Ack:
        """Tell one member something, once. A whisper whose outcome is unknown is not sent again. Raises as ``say``."""
        message = Message(Whisper(to, text, id=new_id(self._transport.random_bytes)))

        async def whisper() -> Ack:
            with contextlib.suppress(ChatError):  # as in ``say``
                await self._sender.poll()
            return await self._sender.say_one(message)

        return await self._lock.hold(lambda: self._turn(retry_for, whisper))

    async def who(self) -> Roster:
        """Return who is in the room. Raises Unreachable, Closed; ChatError if the server refuses."""

        async def ask() -> Roster:
            with contextlib.suppress(ChatError):  # as in ``say``
                await self._sender.poll()
            try:
                await self._sender.open()
                assert self._sender.connection is not None, "it was opened"
                return await request(self._sender.connection, Who(), Roster, self._sender.deadline)
            except DeadlinePassed:
                raise Unreachable("the server accepted the hello, but does not answer in time") from None
            except ReaderGone:
                raise Closed("the room was closed") from None

        return await self._lock.hold(lambda: self._turn(None, ask))

    async def check(self, wait: float | None = None) -> Welcome:
        """Connect, trying for ``wait`` seconds, and return the welcome. Raises ChatError if nobody lets us in."""

        async def open_or_end() -> Welcome:
            try:
                return await self._sender.open()
            except ReaderGone:
                raise Closed("the room was closed") from None

        welcome = await self._lock.hold(lambda: self._turn(wait, open_or_end))
        self.own.claimed = welcome.claimed
        return welcome

    async def wait_turn(self) -> None:
        """Wait until nobody speaks."""

        async def nothing() -> None:
            return

        await self._lock.hold(nothing)

    async def hang_up(self) -> None:
        """Close the connection, once nobody speaks."""

        async def close() -> None:
            self.close()

        await self._lock.hold(close)

    async def _turn(self, retry_for: float | None, action: Callable[[], Awaitable[T]]) -> T:
        self._sender.start(retry_for)
        try:
            return await action()
        except BaseException:  # a signal's exception comes at any place: a frame may have been lost half read
            self._sender.abandon()
            raise
        finally:
            if not self._keep_open:
                self.close()

    def close(self) -> None:
        """Hang up."""
        self._sender.close()
