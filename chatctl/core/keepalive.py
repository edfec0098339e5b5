"""Whether a peer is still there: when to ping, and when to give up.

No clock: ``now`` is any monotonic time in seconds. The client's end of it is client/core/keepalive.py.
"""

from __future__ import annotations

MISSED_PINGS = 2
"""Unanswered pings after which the connection is closed."""


class Keepalive:
    """The pings of one connection: call ``heard`` for whatever it sends, and ask ``is_due`` every few seconds."""

    def __init__(self, seconds: float, now: float) -> None:
        """Ping after so many seconds of silence, and again after as many."""
        self._seconds = seconds
        self._heard = now
        self._missed = 0

    def heard(self, now: float) -> None:
        """Note that something came."""
        self._heard = now
        self._missed = 0

    def suspend(self, now: float) -> None:
        """Note that nobody listens: it is not the peer that is silent. What it has missed, it has."""
        self._heard = now

    def is_due(self, now: float) -> bool:
        """Return whether to ping now, or to close if it ``is_lost``."""
        return now - self._heard >= self._due

    @property
    def is_lost(self) -> bool:
        """Whether it has missed all pings that it gets."""
        return self._missed == MISSED_PINGS

    def pinged(self, now: float) -> None:
        """Note that a ping was sent."""
        # A server that was stopped itself heard nobody: each ping has half its time, however late it is sent.
        self._heard = max(self._heard, now - self._due - self._seconds / 2)
        self._missed += 1

    @property
    def _due(self) -> float:
        return self._seconds * (self._missed + 1)
