"""Until when something is waited for, and how such a wait ends other than well.

Lives here: the one clock that the client's core knows. Both shells wait on it: asyncio's loop counts the same seconds.
"""

from __future__ import annotations

import time

from chatctl.errors import ConditionNotMet, Unreachable

LONGEST = 2e6
"""Seconds that are waited for at once, 23 days: sockets count milliseconds in 31 bits."""


class DeadlinePassed(ConditionNotMet):
    """The time for a wait is over. Callers turn it into what it means for them."""


class ConnectionEnded(Unreachable):
    """The peer closed or the network failed. Callers turn it into what it means for them."""


class ReaderGone(Exception):
    """Nobody reads any more what is made of the frames that are waited for."""


def now() -> float:
    """Give the moment, in seconds on the monotonic clock."""
    return time.monotonic()


class Deadline:
    """A moment that may not come: ``at`` is on the monotonic clock, in seconds."""

    __slots__ = ("at",)  # a dataclass would cost each ``send`` a millisecond

    def __init__(self, at: float | None) -> None:
        """Be at that moment; None is never."""
        self.at = at

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Give the deadline ``seconds`` from now; None is never."""
        return cls(None if seconds is None else now() + seconds)

    def left(self) -> float | None:
        """Give the seconds until then, LONGEST at most, None for ever. Raises DeadlinePassed."""
        if self.at is None:
            return None
        left = self.at - now()
        if left <= 0:
            raise DeadlinePassed("the deadline passed")
        return min(left, LONGEST)

    def sooner(self, seconds: float | None) -> Deadline:
        """Give this deadline or ``seconds`` from now, whichever comes first; None is never."""
        if seconds is None:
            return self
        at = now() + seconds
        return Deadline(at if self.at is None else min(at, self.at))
