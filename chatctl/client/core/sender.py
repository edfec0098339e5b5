"""Saying something: one message or many, and the truth about what became of each.

Accepted, refused, or unknown: there is no fourth outcome. Unknown ends only by saying the same again with the same id:
the server says it once, however often it is sent. Lives here: when to say it again, on the next connection, and when
to give up. Does not live here: what is not acknowledged (outbox.py), where texts come from (commands/intake.py), one
connection (shell.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.core.outbox import Message, Outbox
from chatctl.client.core.retry import Tries, may_pass
from chatctl.errors import ChatError, OutcomeUnknown, PeerBroke, TooLong, from_wire
from chatctl.protocol import Ack, Bye, Error, Hello, Limits, ServerFrame, Welcome, encode

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Peer, Shell

T = TypeVar("T")

WINDOW = 64
"""Messages that may be under way at once when there are many."""


def check_length(message: Message, limits: Limits, then: str) -> None:
    """Raise TooLong for a message over the server's limits, before anything of it is sent; ``then`` ends its text."""
    text = len(message.frame.text.encode())
    line = len(encode(message.frame)) - 1  # what JSON must escape takes up to six bytes
    for what, length, limit in (("", text, limits.text), (" as JSON", line, limits.line)):
        if length > limit:
            which = message.where or "this message"
            raise TooLong(f"{which} has {length} bytes{what}, and the server takes at most {limit}: {then}")


class Sender:
    """Says messages in order, and yields what the server answered.

    Without ``retry_for`` the first failure is the end. With it, a failure that may pass leads to a new connection, on
    which all that was not acknowledged is said again, in order and with its ids.
    """

    def __init__(
        self,
        shell: Shell,
        address: Address,
        hello: Hello,
        *,
        timeout: float,
        retry_for: float | None = None,
        many: bool = False,
    ) -> None:
        """Connect when there is something to say.

        Args:
            shell: gives connections.
            address: of the server.
            hello: enters in a mode that may ``say``.
            timeout: seconds for one try; with ``many``, for each answer.
            retry_for: seconds for all tries; with ``many``, since the last answer.
            many: each answer starts the time anew.
        """
        self._shell = shell
        self._address = address
        self._hello = hello
        self._timeout = timeout
        self._many = many
        self._tries = Tries()
        self._waiting = Outbox()
        self._answers: dict[str, Ack | Error] = {}
        self.peer: Peer | None = None
        self.over = Deadline(None)
        self.start(retry_for)

    def start(self, retry_for: float | None) -> None:
        """Let the time for something new begin now: ``retry_for`` seconds for all tries, None for one try."""
        if len(self._waiting):  # a signal's exception ended its being abandoned
            self.abandon()
        self._retry_for = retry_for
        self._tries.worked()
        self._restart_clock()

    def _restart_clock(self) -> None:
        self.over = Deadline.after(self._timeout if self._retry_for is None else self._retry_for)

    def close(self) -> None:
        """Hang up."""
        peer, self.peer = self.peer, None  # first: a signal's exception may end the closing
        if peer is not None:
            peer.close()
        self._answers.clear()

    def abandon(self) -> None:
        """Hang up, and say no more of what is under way: it ended in a way of which nothing else is known."""
        self.close()
        self._waiting.clear()

    # --- the connection

    async def open(self) -> Welcome:
        """Be connected, and give what the server said of itself. Raises as ``say``."""

        async def welcome(_: Deadline) -> Welcome:
            return (await self._connected()).welcome

        return await self.attempt(welcome)

    async def attempt(self, action: Callable[[Deadline], Awaitable[T]]) -> T:
        """Do something else that needs the server, with the same patience. Raises as ``say``."""
        while True:
            try:
                return await action(self.over.sooner(self._timeout))
            except ChatError as error:
                await self._failed(error)

    async def _connected(self) -> Peer:
        if self.peer is None:
            self.peer = await self._shell.connect(self._address, self._hello, self.over.sooner(self._timeout))
            for message in self._waiting:
                await self._transmit(message)
        return self.peer

    async def look(self) -> None:
        """Take what the server says while nothing is under way: its pings are answered, its end is noticed."""
        if self.peer is None:
            return
        try:
            for frame in await self.peer.look():
                self._note(frame)
        except ChatError as error:
            self.close()
            if self._retry_for is None or not may_pass(error):
                raise

    # --- saying

    async def say(self, messages: Iterable[Message | None]) -> AsyncGenerator[Ack, None]:
        """Say each message and yield its acknowledgement, in order.

        A None among them means that the next one may be long in coming: all that was sent is acknowledged first.

        Raises:
            TooLong: a message is over the server's limits; nothing of it was sent, those before it were said.
            OutcomeUnknown: no acknowledgement came in time, or the connection broke before it.
            ChatError: the server could not be reached, or refused one.
        """
        for message in messages:
            if message is not None:
                limits = await self._limits()
                try:
                    check_length(message, limits, "what came before it was said" if self._many else "nothing was sent")
                except TooLong:
                    while len(self._waiting):
                        yield await self._next_ack()
                    raise
                await self._send(message)
            while len(self._waiting) > (0 if message is None else WINDOW - 1):
                yield await self._next_ack()
        while len(self._waiting):
            yield await self._next_ack()

    async def say_one(self, message: Message) -> Ack:
        """Say it and give its acknowledgement. Raises as ``say``."""
        (ack,) = [ack async for ack in self.say([message])]
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
        assert self.peer is not None
        self._waiting.sending(message)
        await self.peer.send(message.frame, self.over.sooner(self._timeout))

    async def _next_ack(self) -> Ack:
        while True:
            oldest = self._waiting.oldest
            assert oldest is not None, "nothing is under way"
            try:
                ack = await self._answer_to(oldest)
            except ChatError as error:
                await self._failed(error)
                continue
            self._waiting.settle(oldest.id)
            self._tries.worked()
            if self._many:
                self._restart_clock()
            return ack

    async def _answer_to(self, message: Message) -> Ack:
        peer, deadline = await self._connected(), self.over.sooner(self._timeout)
        while message.id not in self._answers:
            self._note(await peer.receive(deadline))
        answer = self._answers.pop(message.id)
        if isinstance(answer, Ack):
            return answer
        self._waiting.not_taken(message)
        raise from_wire(answer.code, answer.text, answer.retry_after)

    def _note(self, frame: ServerFrame) -> None:
        match frame:
            case Ack(id=ident) | Error(id=str(ident)):
                self._answers[ident] = frame
            case Error():
                raise from_wire(frame.code, frame.text, frame.retry_after)
            case Bye(why=why):
                raise ConnectionEnded(f"the server said bye ({why})", retry_after=frame.retry_after)

    # --- failing

    async def _failed(self, error: ChatError) -> None:
        """Wait until it is worth trying again, or raise what has become of the oldest message."""
        self.close()
        if isinstance(error, DeadlinePassed):
            error = ConnectionEnded("the deadline passed")
        if self._retry_for is not None and may_pass(error) and not self._waiting.must_not_repeat:
            wait = self._tries.wait(error, self.over)
            if wait is not None:
                await self._shell.sleep(wait)
                return
        raise self._outcome(error) from None

    def _outcome(self, error: ChatError) -> ChatError:
        oldest = self._waiting.oldest
        if oldest is None:
            return error
        if self._waiting.in_doubt(oldest):
            kind = PeerBroke if isinstance(error, PeerBroke) else OutcomeUnknown
            error = kind(f"{error.text} before the message was acknowledged: it may or may not have been said")
        return oldest.error(error)
