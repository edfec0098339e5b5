"""Whether the other end is still there: when to ask, and when to believe that it is not."""

from __future__ import annotations

from chatctl.client.core.deadline import ConnectionEnded, Deadline, now

PING_SECONDS = 15.0
"""So often a server is asked whether it is there. Silent for twice as long, it is not."""


class Keepalive:
    """The silence of one connection. Call ``heard`` for all that comes, and ``due`` when ``next`` has passed."""

    def __init__(self, seconds: float = PING_SECONDS) -> None:
        """Ask after so many ``seconds`` of silence."""
        self._seconds = seconds
        self.heard()

    def heard(self) -> None:
        """Something came."""
        self._heard = self._asked = now()

    @property
    def next(self) -> Deadline:
        """Until when nothing has to be done."""
        return Deadline(self._asked + self._seconds)

    def due(self) -> bool:
        """Tell whether to ask now. A silence that began while nobody listened is asked about first.

        Raises:
            ConnectionEnded: it was asked, and did not answer.
        """
        if now() - self._asked < self._seconds:
            return False
        if self._asked > self._heard:
            raise ConnectionEnded("the server does not answer any more")
        self._asked = now()
        return True
