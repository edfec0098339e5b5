"""Whether the other end is still there: when to ping, and when to give up."""

from __future__ import annotations

from chatctl.client.core.deadline import Clock, ConnectionEnded, Deadline

PING_SECONDS = 15.0
"""A server that is silent for this long is pinged; silent for twice as long, it is given up."""


class Keepalive:
    """The pings of one connection. Call ``heard`` for every frame, and ``due`` when ``next`` has passed."""

    def __init__(self, now: Clock, seconds: float = PING_SECONDS, *, regular: bool = False) -> None:
        """Start now.

        Args:
            now: the clock.
            seconds: how long a silence may be before a ping, and how long the answer may take.
            regular: ping this often even if the server is not silent, to measure its delay.
        """
        self._now = now
        self._seconds = self._patience = seconds
        self._regular = regular
        self._unanswered = False
        self._next = now() + seconds

    def heard(self) -> None:
        """Note that something arrived."""
        self._unanswered = False
        if not self._regular:
            self._next = self._now() + self._seconds

    @property
    def next(self) -> Deadline:
        """Until when there is nothing to do."""
        return Deadline(self._next, self._now)

    def suspect(self, seconds: float) -> None:
        """Ping at once, and give the server only ``seconds`` to answer: this machine may have slept."""
        self._unanswered = False
        self._next, self._patience = self._now(), seconds

    def due(self) -> bool:
        """Tell whether to ping now. A silence that began while nobody listened leads to a ping first.

        Raises:
            ConnectionEnded: the last ping was not answered in time.
        """
        now = self._now()
        if now < self._next:
            return False
        if self._unanswered:
            raise ConnectionEnded("the server does not answer any more")
        self._unanswered = True
        self._next, self._patience = now + self._patience, self._seconds
        return True
