"""Saying something from a script: one message or many, and the truth about what became of each.

Accepted, refused, or unknown: there is no fourth outcome.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from chatctl.client.blocking import Connection, ConnectionEnded, Deadline, DeadlinePassed
from chatctl.errors import OutcomeUnknown, TooLong, from_wire
from chatctl.protocol import Ack, Bye, Error, Say, ServerFrame

WINDOW = 64
"""Messages that may be under way at once when there are many."""


def say(connection: Connection, texts: Iterable[str | None], deadline: Callable[[], Deadline]) -> Iterator[Ack]:
    """Say each text and yield its acknowledgement, in order. ``deadline`` gives the one of the next wait.

    A None among the texts means that the next one may be long in coming: all that was sent is acknowledged first.

    Raises:
        TooLong: a text is over the server's limit; nothing of it was sent.
        OutcomeUnknown: no acknowledgement came in time, or the connection broke before it.
        ChatError: the server refused one.
    """
    asked: deque[str] = deque()
    for text in texts:
        if text is not None:
            check_length(text, connection.welcome.limits.text)
            asked.append(_send(connection, text, deadline()))
        while asked and (text is None or len(asked) >= WINDOW):
            yield _acknowledged(connection, asked, deadline())
    while asked:
        yield _acknowledged(connection, asked, deadline())


def check_length(text: str, limit: int) -> None:
    """Raise TooLong for a text of more than ``limit`` bytes, before anything of it is sent."""
    length = len(text.encode())
    if length > limit:
        raise TooLong(f"this message has {length} bytes, and the server takes at most {limit}: nothing was sent")


def _send(connection: Connection, text: str, deadline: Deadline) -> str:
    ident = os.urandom(8).hex()
    try:
        connection.send(Say(text, id=ident), deadline)
    except (DeadlinePassed, ConnectionEnded) as error:
        raise _unknown(error.text) from None
    return ident


def _acknowledged(connection: Connection, asked: deque[str], deadline: Deadline) -> Ack:
    try:
        while True:
            ack = _answer(connection.receive(deadline), asked[0])
            if ack is not None:
                asked.popleft()
                return ack
    except (DeadlinePassed, ConnectionEnded) as error:
        raise _unknown(error.text) from None


def _answer(frame: ServerFrame, ident: str) -> Ack | None:
    match frame:
        case Ack(id=answered) if answered == ident:
            return frame
        case Error(id=answered) if answered == ident:
            raise from_wire(frame.code, frame.text, frame.retry_after)
        case Bye(why=why):
            raise _unknown(f"the server said bye ({why})")
    return None


def _unknown(why: str) -> OutcomeUnknown:
    return OutcomeUnknown(f"{why} before the message was acknowledged: it may or may not have been said")
