"""Saying one message or many, and reporting the outcome of each.

An outcome is accepted, refused or unknown. Unknown can only be resolved by sending the same again with the same id: the
server says it once, however often it arrives. Lives here: when to send again on the next connection, and when to give
up. Does not live here: which messages are not acknowledged (outbox.py), where texts come from (commands/send/).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from chatctl.client.core.connection import raise_refusal
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed, ReaderGone
from chatctl.client.core.outbox import Message, Outbox
from chatctl.client.core.retry import Retry, may_pass
from chatctl.errors import ChatError, Closed, OutcomeUnknown, PeerBroke, TooLong, from_wire
from chatctl.protocol import Ack, Bye, Error, Hello, Limits, ServerFrame, Welcome, encode

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import OpenConnection, Transport

T = TypeVar("T")
Fit = Callable[[Message, Limits], Sequence[Message]]
"""Returns the messages to send for one; none leaves it out. May raise TooLong."""

WINDOW = 64
"""Messages that may be unacknowledged at once."""


def check_length(message: Message, limits: Limits, then: str) -> None:
    """Raise TooLong for a message over the server's limits, before it is sent; ``then`` ends the error's text."""
    text = len(message.frame.text.encode())
    line = len(encode(message.frame)) - 1  # JSON escapes take up to six bytes
    for what, length, limit in (("", text, limits.text), (" as JSON", line, limits.line)):
        if length > limit:
            which = message.where or "this message"
            raise TooLong(f"{which} has {length} bytes{what}, and the server takes at most {limit}: {then}")


class Sender:
    """Says messages in order, and yields the server's answers.

    Without ``retry_for`` the first failure is final. With it, a failure that may pass leads to a new connection, on
    which every unacknowledged message is sent again, in order and with its id.
    """

    def __init__(
        self,
        transport: Transport,
        address: Address,
        hello: Hello,
        *,
        timeout: float,
        retry_for: float | None = None,
        many: bool = False,
    ) -> None:
        """Connect with the first message.

        Args:
            transport: makes connections.
            address: of the server.
            hello: enters in a mode that may ``say``.
            timeout: seconds for one try; with ``many``, for each answer.
            retry_for: seconds for all tries; with ``many``, since the last answer.
            many: each answer restarts the time.
        """
        self._transport = transport
        self._address = address
        self._hello = hello
        self._timeout = timeout
        self._many = many
        self._retry = Retry(transport, address)
        self._waiting = Outbox()
        self._answers: dict[str, Ack | Error] = {}
        self.connection: OpenConnection | None = None
        self.deadline = Deadline(None, transport.now)
        self.start(retry_for)

    def start(self, retry_for: float | None) -> None:
        """Start the time for a new message: ``retry_for`` seconds for all tries, None for one try."""
        if len(self._waiting):  # a signal's exception ended ``abandon``
            self.abandon()
        self._retry_for = retry_for
        self._retry.begin(retry_for)
        self._restart_clock()

    def _restart_clock(self) -> None:
        self.deadline = Deadline.after(
            self._timeout if self._retry_for is None else self._retry_for, self._transport.now
        )

    def close(self) -> None:
        """Hang up."""
        connection, self.connection = self.connection, None  # first: a signal's exception may end the closing
        if connection is not None:
            connection.close()
        self._answers.clear()

    def abandon(self) -> None:
        """Hang up, and forget the unacknowledged messages: their outcome will not be known."""
        self.close()
        self._waiting.clear()

    # --- the connection

    async def open(self) -> Welcome:
        """Connect if necessary, and return the welcome. Raises as ``say``."""

        async def welcome(_: Deadline) -> Welcome:
            return (await self._connected()).welcome

        return await self.attempt(welcome)

    async def attempt(self, action: Callable[[Deadline], Awaitable[T]]) -> T:
        """Run another action that needs the server, with the same retries. Raises as ``say``."""
        while True:
            try:
                return await action(self.deadline.sooner(self._timeout))
            except ChatError as error:
                await self._failed(error)

    async def _connected(self) -> OpenConnection:
        if self.connection is None:
            deadline = self.deadline.sooner(self._timeout)
            self.connection = await self._transport.connect(self._address, self._hello, deadline)
            for message in self._waiting:
                await self._transmit(message)
        return self.connection

    async def poll(self) -> None:
        """Read what has arrived while nothing is awaited: pings are answered, the connection's end is noticed."""
        if self.connection is None:
            return
        try:
            for frame in await self.connection.pending():
                self._note(frame)
        except ChatError as error:
            self.close()
            if self._retry_for is None or not may_pass(error):
                raise

    # --- saying

    async def say(self, messages: Iterable[Message | None], fit: Fit | None = None) -> AsyncGenerator[Ack, None]:
        """Say each message and yield its acknowledgement, in order.

        Args:
            messages: a None among them means that the next one may take long: first, wait for all acknowledgements.
            fit: makes a message fit the server's limits; by default one that does not is TooLong.

        Raises:
            TooLong: a message is over the server's limits; it was not sent, those before it were said.
            OutcomeUnknown: no acknowledgement arrived in time, or the connection broke before it.
            ChatError: the server could not be reached, or refused a message.
        """
        for message in messages:
            if message is None:
                async for ack in self._acks(0):
                    yield ack
                continue
            limits = await self._limits()
            try:
                parts = (fit or self._whole)(message, limits)
            except TooLong:
                async for ack in self._acks(0):
                    yield ack
                raise
            for part in parts:
                await self._send(part)
                async for ack in self._acks(WINDOW - 1):
                    yield ack
        async for ack in self._acks(0):
            yield ack

    def _whole(self, message: Message, limits: Limits) -> list[Message]:
        check_length(message, limits, "what came before it was sent" if self._many else "nothing was sent")
        return [message]

    async def _acks(self, least: int) -> AsyncGenerator[Ack, None]:
        """Yield acknowledgements until at most ``least`` are awaited."""
        while len(self._waiting) > least:
            yield await self._next_ack()

    async def say_one(self, message: Message) -> Ack:
        """Say one message and return its acknowledgement. Raises as ``say``; Closed once the transport is closed."""
        try:
            (ack,) = [ack async for ack in self.say([message])]
        except ReaderGone:
            raise self._outcome(Closed("the room was closed")) from None
        return ack

    async def _limits(self) -> Limits:
        if self._many and not len(self._waiting):
            self._restart_clock()
        return (await self.open()).limits

    async def _send(self, message: Message) -> None:
        self._waiting.add(message)
        try:
            await self._transmit(message)
        except ChatError as error:
            await self._failed(error)

    async def _transmit(self, message: Message) -> None:
        assert self.connection is not None
        self._waiting.sending(message)
        await self.connection.send(message.frame, self.deadline.sooner(self._timeout))

    async def _next_ack(self) -> Ack:
        while True:
            oldest = self._waiting.oldest
            assert oldest is not None, "nothing is unacknowledged"
            try:
                ack = await self._answer_to(oldest)
            except ChatError as error:
                await self._failed(error)
                continue
            self._waiting.settle(oldest.id)
            self._retry.succeeded()
            if self._many:
                self._restart_clock()
            return ack

    async def _answer_to(self, message: Message) -> Ack:
        connection, deadline = await self._connected(), self.deadline.sooner(self._timeout)
        while message.id not in self._answers:
            self._note(await connection.receive(deadline))
        answer = self._answers.pop(message.id)
        if isinstance(answer, Ack):
            return answer
        self._waiting.not_taken(message)
        raise from_wire(answer.code, answer.text, answer.retry_after)

    def _note(self, frame: ServerFrame) -> None:
        match frame:
            case Ack(id=ident) | Error(id=str(ident)):
                self._answers[ident] = frame
            case Bye(why=why):  # in words that go on with " before the message was acknowledged"
                raise ConnectionEnded(f"the server said bye ({why})", retry_after=frame.retry_after)
            case _:
                raise_refusal(frame)

    # --- failing

    async def _failed(self, error: ChatError) -> None:
        """Wait until it is worth trying again, or raise the outcome of the oldest message."""
        self.close()
        if isinstance(error, DeadlinePassed):
            error = ConnectionEnded("the deadline passed")
        error = self._retry.reason(error, self.deadline)
        if self._retry_for is not None and may_pass(error) and not self._waiting.must_not_repeat:
            wait = self._retry.delay_before(self.deadline, error)
            if wait is not None:
                await self._transport.sleep(wait)
                return
        raise self._outcome(error) from None

    def _outcome(self, error: ChatError) -> ChatError:
        oldest = self._waiting.oldest
        if oldest is None:
            return error
        if self._waiting.in_doubt(oldest):
            kind = PeerBroke if isinstance(error, PeerBroke) else OutcomeUnknown
            error = kind(f"{error.text} before the message was acknowledged: it may or may not have been stored")
        return oldest.error(error)
