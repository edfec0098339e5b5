"""Which entries of a log this program has said itself.

A nickname does not tell: another may post under it, in another case too, and it may be a member's by now. The
acknowledgement does; while that is still to come, the text does. Does not live here: saying (speaker.py).
"""

from __future__ import annotations

from collections import deque

from chatctl.common.names import fold_any
from chatctl.protocol import Ack, Msg, Say

MOST = 10_000
"""Acknowledgements that are remembered; also messages of which nobody knows whether they were said."""


class OwnEntries:
    """The entries that one program has said in one room."""

    def __init__(self, nick: str) -> None:
        """Say under ``nick``."""
        self._nick = fold_any(nick)
        self._said: dict[tuple[str, int], None] = {}
        self._unanswered: deque[Say] = deque(maxlen=MOST)
        self.claimed = False
        """Whether the nickname is bound to our key: then whoever has it is us, also in an earlier run."""

    def saying(self, say: Say) -> None:
        """Note a message that is about to be sent."""
        self._unanswered.append(say)

    def refused(self, say: Say) -> None:
        """Note that a message was not said."""
        if say in self._unanswered:
            self._unanswered.remove(say)

    def said(self, say: Say, epoch: str, ack: Ack) -> None:
        """Note a message that is an entry of the log ``epoch`` now."""
        self.refused(say)
        if ack.seq is not None:
            self._said[epoch, ack.seq] = None
            if len(self._said) > MOST:
                del self._said[next(iter(self._said))]

    def has(self, epoch: str, entry: Msg) -> bool:
        """Tell whether an entry of the log ``epoch`` is ours."""
        if (epoch, entry.seq) in self._said:
            return True
        if entry.redacted or fold_any(entry.nick) != self._nick:
            return False
        spoken = entry.text, entry.action
        return self.claimed or any((say.text, say.action) == spoken for say in self._unanswered)
