"""The clocks of a server: one for when something happened, one for how long it lasts.

The wall clock may be set at any time, by hand or by a time server. What is shown and kept is stamped with it; how long
a ban, a mute or a pause lasts is measured with the monotonic clock. No clock is read here but through the functions
that are handed in.
"""

from __future__ import annotations

from collections.abc import Callable

BRIDGE_SECONDS = 300.0
"""A wall clock that was set back by no more than this is waited for: times in a log do not go down meanwhile. Time
servers correct by seconds; beyond five minutes somebody has set it, and a log that stood still would be worse."""

Clock = Callable[[], float]


class ServerClock:
    """Called, it returns the Unix seconds of now, for a stamp."""

    def __init__(self, wall: Clock, monotonic: Clock, on_step: Callable[[float], None] = lambda _: None) -> None:
        """Start at the time of the wall clock.

        Args:
            wall: returns Unix seconds.
            monotonic: returns seconds.
            on_step: called with the seconds by which the wall clock was set, when that is found to be more than
                BRIDGE_SECONDS.
        """
        self._wall = wall
        self._monotonic = monotonic
        self._on_step = on_step
        self._last = wall()
        self._offset = self._start = self._last - monotonic()

    def __call__(self) -> float:
        """Return a stamp: never less than the one before, unless the wall clock went back by BRIDGE_SECONDS."""
        wall = self._wall()
        offset = wall - self._monotonic()
        step, self._offset = offset - self._offset, offset
        if wall < self._last - BRIDGE_SECONDS:
            self._on_step(step if abs(step) > BRIDGE_SECONDS else wall - self._last)
            self._last = wall
        elif abs(step) > BRIDGE_SECONDS:
            self._on_step(step)
        if wall > self._last:
            self._last = wall
        return self._last

    def steady(self) -> float:
        """Return the seconds of a clock that nobody sets: Unix seconds when this one started, monotonic from there."""
        return self._monotonic() + self._start

    def kept(self, steady: float) -> float:
        """Return a time of ``steady`` in Unix seconds as the wall clock has them now: what survives a restart."""
        return steady - self._start + self._wall() - self._monotonic()

    def steady_of(self, kept: float) -> float:
        """Return the time of ``steady`` of what was ``kept``, here or by another server."""
        return kept + self._start - self._wall() + self._monotonic()

    def follow(self, time: float) -> None:
        """Stamp with no time before ``time``, that of a log's end, unless that is more than BRIDGE_SECONDS to come."""
        if self._last < time <= self._wall() + BRIDGE_SECONDS:
            self._last = time
