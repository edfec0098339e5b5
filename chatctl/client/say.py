"""Saying something from a script: one message or many, and the truth about what became of each.

Accepted, refused, or unknown: there is no fourth outcome. Unknown ends only by saying the same again with the same id:
the server says it once, however often it is sent. Lives here: what was said and is not acknowledged, and saying it
again on the next connection. Does not live here: where texts come from (commands/intake.py), one connection
(blocking.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from chatctl.client.blocking import Connection, ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.retry import Tries, may_pass
from chatctl.errors import ChatError, OutcomeUnknown, PeerBroke, TooLong, from_wire
from chatctl.protocol import Ack, Bye, Error, Limits, Say, ServerFrame, Welcome, Whisper, encode

T = TypeVar("T")

WINDOW = 64
"""Messages that may be under way at once when there are many."""


class Message(NamedTuple):
    """What is to be said, with its ``id``, and where it came from (``line 12``; empty for the only one)."""

    frame: Say | Whisper
    where: str = ""

    @property
    def id(self) -> str:
        """Its id."""
        assert self.frame.id is not None
        return self.frame.id

    def error(self, error: ChatError) -> ChatError:
        """Give an error that says which message it is about."""
        if not self.where:
            return error
        return type(error)(f"{self.where}: {error.text}", retry_after=error.retry_after)


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
        self, connect: Callable[[Deadline], Connection], *, timeout: float, retry_for: float | None, many: bool
    ) -> None:
        """Use connections that ``connect`` makes.

        Args:
            connect: gives a connection that may ``say``, by a deadline.
            timeout: seconds for one try; with ``many``, for each answer.
            retry_for: seconds for all tries; with ``many``, since the last answer.
            many: each answer starts the time anew.
        """
        self._connect = connect
        self._timeout = timeout
        self._retry_for = retry_for
        self._many = many
        self._connection: Connection | None = None
        self._tries = Tries()
        self._waiting: deque[Message] = deque()
        self._answers: dict[str, Ack | Error] = {}
        self._unanswered: dict[str, int] = {}
        """How often each id was sent without an answer: once it is over 0, it may have been said."""
        self.over = Deadline(None)
        self._restart_clock()

    def _restart_clock(self) -> None:
        self.over = Deadline.after(self._timeout if self._retry_for is None else self._retry_for)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._answers.clear()

    # --- the connection

    def open(self) -> Welcome:
        """Be connected, and give what the server said of itself. Raises as ``say``."""
        return self.attempt(lambda _: self._connected().welcome)

    def attempt(self, action: Callable[[Deadline], T]) -> T:
        """Do something else that needs the server, with the same patience. Raises as ``say``."""
        while True:
            try:
                return action(self.over.sooner(self._timeout))
            except ChatError as error:
                self._failed(error)

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect(self.over.sooner(self._timeout))
            for message in self._waiting:
                self._transmit(message)
        return self._connection

    def fileno(self) -> int | None:
        """Give the socket's descriptor, to wait for it beside another one; None while there is no connection."""
        return self._connection.fileno() if self._connection is not None else None

    def poll(self) -> None:
        """Read what the server says while nothing is under way: its pings are answered, its end is noticed."""
        if self._connection is None:
            return
        try:
            self._connection.poll()
            for frame in self._connection.pending():
                self._note(frame)
        except ChatError as error:
            self.close()
            if self._retry_for is None or not may_pass(error):
                raise

    # --- saying

    def say(self, messages: Iterable[Message | None]) -> Iterator[Ack]:
        """Say each message and yield its acknowledgement, in order.

        A None among them means that the next one may be long in coming: all that was sent is acknowledged first.

        Raises:
            TooLong: a message is over the server's limits; nothing of it was sent, those before it were said.
            OutcomeUnknown: no acknowledgement came in time, or the connection broke before it.
            ChatError: the server could not be reached, or refused one.
        """
        for message in messages:
            if message is not None:
                limits = self._limits()
                try:
                    check_length(message, limits, "what came before it was said" if self._many else "nothing was sent")
                except TooLong:
                    yield from self._drain(0)
                    raise
                self._send(message)
            yield from self._drain(0 if message is None else WINDOW - 1)
        yield from self._drain(0)

    def _limits(self) -> Limits:
        if self._many and not self._waiting:
            self._restart_clock()
        return self.open().limits

    def _send(self, message: Message) -> None:
        self._waiting.append(message)
        try:
            self._transmit(message)
        except ChatError as error:
            self._failed(error)

    def _transmit(self, message: Message) -> None:
        assert self._connection is not None
        self._unanswered[message.id] = self._unanswered.get(message.id, 0) + 1
        self._connection.send(message.frame, self.over.sooner(self._timeout))

    def _drain(self, most: int) -> Iterator[Ack]:
        while len(self._waiting) > most:
            yield self._next_ack()

    def _next_ack(self) -> Ack:
        while True:
            try:
                ack = self._answer_to(self._waiting[0])
            except ChatError as error:
                self._failed(error)
                continue
            self._unanswered.pop(self._waiting.popleft().id, None)
            self._tries.worked()
            if self._many:
                self._restart_clock()
            return ack

    def _answer_to(self, message: Message) -> Ack:
        connection, deadline = self._connected(), self.over.sooner(self._timeout)
        while message.id not in self._answers:
            self._note(connection.receive(deadline))
        answer = self._answers.pop(message.id)
        if isinstance(answer, Ack):
            return answer
        self._unanswered[message.id] -= 1
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

    def _failed(self, error: ChatError) -> None:
        """Wait until it is worth trying again, or raise what has become of the oldest message."""
        self.close()
        if isinstance(error, DeadlinePassed):
            error = ConnectionEnded("the deadline passed")
        if self._retry_for is not None and may_pass(error) and not self._must_not_repeat():
            wait = self._tries.wait(error, self.over)
            if wait is not None:
                time.sleep(wait)
                return
        raise self._outcome(error) from None

    def _must_not_repeat(self) -> bool:
        """A whisper is not kept, so no server can know that it has heard one before."""
        return any(isinstance(message.frame, Whisper) and self._unanswered.get(message.id) for message in self._waiting)

    def _outcome(self, error: ChatError) -> ChatError:
        if not self._waiting:
            return error
        oldest = self._waiting[0]
        if self._unanswered.get(oldest.id):
            kind = PeerBroke if isinstance(error, PeerBroke) else OutcomeUnknown
            error = kind(f"{error.text} before the message was acknowledged: it may or may not have been said")
        return oldest.error(error)
