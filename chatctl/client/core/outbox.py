"""The outbox: what was said and is not acknowledged yet, in order, across connections.

Each message keeps its id, so that saying it again never says it twice. Lives here: the list, and what of it may have
been heard. Does not live here: when to send (say.py, link.py), its file (keep.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from chatctl.errors import ChatError
from chatctl.protocol import Say, Whisper

_MAX_KEPT = 1000
"""Unsent messages that are kept; more is somebody pasting a log into a dead connection."""


class OutboxFull(ValueError):
    """There are too many unsent messages already."""


class Message(Struct, frozen=True):
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


class Outbox:
    """Messages by id, oldest first. ``save`` is called with all of them after each change."""

    def __init__(
        self, messages: Iterable[Message] = (), save: Callable[[list[Message]], object] = lambda _: None
    ) -> None:
        """Take what an earlier run left."""
        self._messages = {message.id: message for message in messages}
        self._save = save
        self._unanswered: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(list(self._messages.values()))

    @property
    def oldest(self) -> Message | None:
        """What was added first."""
        return next(iter(self._messages.values()), None)

    def add(self, message: Message) -> None:
        """Keep a message until its outcome is known. Raises OutboxFull."""
        if len(self._messages) >= _MAX_KEPT:
            raise OutboxFull(f"{_MAX_KEPT} messages wait to be sent already")
        self._messages[message.id] = message
        self._save(list(self))

    def settle(self, ident: str | None) -> Message | None:
        """Forget a message whose outcome is known, and give it; None if it is none of ours."""
        message = self._messages.pop(ident, None) if ident else None
        if message is not None:
            self._unanswered.pop(message.id, None)
            self._save(list(self))
        return message

    def clear(self) -> None:
        """Forget all."""
        for message in self:
            self.settle(message.id)

    def sending(self, message: Message) -> None:
        """Note that it goes out now: until it is answered, it may have been said."""
        self._unanswered[message.id] = self._unanswered.get(message.id, 0) + 1

    def not_taken(self, message: Message) -> None:
        """Note that the server answered that it did not take it, this time."""
        self._unanswered[message.id] -= 1

    def in_doubt(self, message: Message) -> bool:
        """Tell whether it was sent without an answer: it may or may not have been said."""
        return bool(self._unanswered.get(message.id))

    @property
    def must_not_repeat(self) -> bool:
        """Whether there is one that could be heard twice: a whisper is not kept, so no server knows it again."""
        return any(isinstance(message.frame, Whisper) and self.in_doubt(message) for message in self)
