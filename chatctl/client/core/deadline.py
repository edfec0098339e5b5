"""Deadlines, and the ways in which a wait fails. The clock is handed in: ``Transport.now``, or io/clock.py's."""

from __future__ import annotations

from collections.abc import Callable

from chatctl.errors import ConditionNotMet, Unreachable

Clock = Callable[[], float]
"""Returns seconds on a clock that never goes back."""

MAX_WAIT = 2e6
"""Seconds of the longest single wait, 23 days: sockets count milliseconds in 31 bits."""


class DeadlinePassed(ConditionNotMet):
    """The time for a wait is over. Callers turn it into what it means for them."""


class NoAnswer(Unreachable):
    """Nothing was heard from there in time: whether a server is there is not known."""


class ConnectionEnded(Unreachable):
    """The peer closed the connection, or the network failed. Callers turn it into what it means for them."""


class ReaderGone(Exception):
    """The consumer of our output has closed it: the pipe of a command, or the program that used a room."""


class Deadline:
    """A point in time: ``at`` seconds on the clock ``now``; None means never."""

    __slots__ = ("at", "now")  # a dataclass would cost each ``send`` a millisecond

    def __init__(self, at: float | None, now: Clock) -> None:
        self.at = at
        self.now = now

    @classmethod
    def after(cls, seconds: float | None, now: Clock) -> Deadline:
        """Return the deadline ``seconds`` from now; None means never."""
        return cls(None if seconds is None else now() + seconds, now)

    def left(self) -> float | None:
        """Return the seconds until then, at most MAX_WAIT; None for ever. Raises DeadlinePassed."""
        if self.at is None:
            return None
        left = self.at - self.now()
        if left <= 0:
            raise DeadlinePassed("the deadline passed")
        return min(left, MAX_WAIT)

    def sooner(self, seconds: float | None) -> Deadline:
        """Return this deadline or ``seconds`` from now, whichever comes first; None means never."""
        return self.earlier(Deadline.after(seconds, self.now))

    def earlier(self, other: Deadline) -> Deadline:
        """Return this deadline or ``other``, whichever comes first."""
        if other.at is None or (self.at is not None and self.at <= other.at):
            return self
        return other
