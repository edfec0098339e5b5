"""The outbox: messages that are not acknowledged yet, in order, across connections.

Each message keeps its id, so that sending it again never says it twice. Lives here: the list, and which messages may
have been said. Does not live here: when to send (sender.py, membership.py), the outbox's file (saved_state.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from chatctl.errors import ChatError
from chatctl.protocol import Say, Whisper

_MAX_KEPT = 1000
"""Messages that are kept; more means that somebody pastes a log into a dead connection."""


def new_id(random_bytes: Callable[[int], bytes]) -> str:
    """Return an id that no other message has: 16 hex digits."""
    return random_bytes(8).hex()


class OutboxFull(ValueError):
    """Too many messages wait already."""


class Message(Struct, frozen=True):
    """A ``say`` or ``whisper`` frame with an id, and its source for errors (``line 12``; empty for the only one)."""

    frame: Say | Whisper
    where: str = ""

    @property
    def id(self) -> str:
        """The frame's id."""
        assert self.frame.id is not None
        return self.frame.id

    def error(self, error: ChatError) -> ChatError:
        """Return ``error`` with the message's source in its text."""
        if not self.where:
            return error
        return type(error)(f"{self.where}: {error.text}", retry_after=error.retry_after)


class Outbox:
    """Messages by id, oldest first."""

    def __init__(
        self, messages: Iterable[Message] = (), save: Callable[[list[Message]], object] = lambda _: None
    ) -> None:
        """Start with the messages that an earlier run left. ``save`` is called with all of them after each change."""
        self._messages = {message.id: message for message in messages}
        self._save = save
        self._unanswered: dict[str, int] = {}

    def adopt(self, messages: Iterable[Message], save: Callable[[list[Message]], object]) -> list[Message]:
        """Save with ``save`` from now on, and take over what another process left; return what is new of it."""
        new = [message for message in messages if message.id not in self._messages]
        self._messages = {message.id: message for message in (*new, *self._messages.values())}
        self._save = save
        self._save(list(self))
        return new

    def __contains__(self, ident: object) -> bool:
        return ident in self._messages

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(list(self._messages.values()))

    @property
    def oldest(self) -> Message | None:
        """The message that was added first; None if there is none."""
        return next(iter(self._messages.values()), None)

    def add(self, message: Message) -> None:
        """Keep a message until it is settled. Raises OutboxFull."""
        if len(self._messages) >= _MAX_KEPT:
            raise OutboxFull(f"{_MAX_KEPT} messages wait to be sent already")
        self._messages[message.id] = message
        self._save(list(self))

    def settle(self, ident: str | None) -> Message | None:
        """Forget a message whose outcome is known, and return it; None if the outbox has no such message."""
        message = self._messages.pop(ident, None) if ident else None
        if message is not None:
            self._unanswered.pop(message.id, None)
            self._save(list(self))
        return message

    def clear(self) -> None:
        """Forget all messages."""
        for message in self:
            self.settle(message.id)

    def sending(self, message: Message) -> None:
        """Note that a message is sent now: until the server answers, it may have been said."""
        self._unanswered[message.id] = self._unanswered.get(message.id, 0) + 1

    def not_taken(self, message: Message) -> None:
        """Note the server's answer that it did not accept the message this time."""
        self._unanswered[message.id] -= 1

    def in_doubt(self, message: Message) -> bool:
        """Tell whether a message was sent and not answered: it may or may not have been stored."""
        return bool(self._unanswered.get(message.id))

    @property
    def must_not_repeat(self) -> bool:
        """Whether sending again could say something twice: a server does not recognise a whisper by its id."""
        return any(isinstance(message.frame, Whisper) and self.in_doubt(message) for message in self)
