"""The lag of the event loop: how much later than asked for it calls back. Everybody waits for so long."""

from __future__ import annotations

import asyncio
from time import monotonic

from chatctl.core.histogram import Histogram

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds. An event loop's timers are about a millisecond late when it is idle."""

PERIOD = 0.25
"""Seconds between two looks."""


class LoopLag:
    """Measures from its start on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to measure."""
        self.seconds = Histogram(BOUNDS)
        self._loop = loop
        self._wait()

    def _wait(self) -> None:
        self._due = monotonic() + PERIOD
        self._timer = self._loop.call_later(PERIOD, self._look)

    def _look(self) -> None:
        self.seconds.observe(max(0.0, monotonic() - self._due))
        self._wait()

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()
