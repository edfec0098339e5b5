"""A token bucket: a rate limit. No clock: ``now`` is any monotonic time in seconds."""

from __future__ import annotations

import math

_ROUNDING = 1e-6
"""Units by which the level may be off."""


class TokenBucket:
    """Allows ``rate`` units a second on average, ``burst`` at once; a rate of 0 allows everything.

    A cost is taken whenever a whole unit is there, even if the level then falls below zero: a large cost is never
    refused, what comes after it waits the longer.
    """

    __slots__ = ("_burst", "_level", "_rate", "_seen", "_unit")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """Start full."""
        self._rate = rate
        self._burst = burst
        self._unit = min(1.0, burst)  # a smaller bucket never holds a whole one
        self._level = burst
        self._seen = now

    def ready_at(self, now: float) -> float:
        """Return the time from which on units may be taken: ``now`` if at once."""
        if not self._rate:
            return now
        self._fill(now)
        if self._level >= self._unit - _ROUNDING:
            return now
        at = now + (self._unit - self._level) / self._rate
        return at + math.ulp(at)

    def take(self, cost: float, now: float) -> None:
        """Take ``cost`` units. Ask ``ready_at`` first."""
        if self._rate:
            self._fill(now)
            self._level -= cost

    def is_full(self, now: float) -> bool:
        """Return whether the whole burst may be taken."""
        self._fill(now)
        return self._level >= self._burst

    def _fill(self, now: float) -> None:
        if now > self._seen and not math.isinf(self._burst):
            self._level = min(self._burst, self._level + (now - self._seen) * self._rate)
            self._seen = now
