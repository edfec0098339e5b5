"""Large answers: pages and rosters are made while there is memory for them, and wait else.

Each takes bytes of the output's share before it is made and gives them back afterwards; by then it is counted as
output. First come, first served. Does not live here: making them
(history.py, hub.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from chatctl.core.memory import Share
from chatctl.core.peer import Peer
from chatctl.hub.tick import Loop, Tick

RETRY_SECONDS = 0.05

WEIGHT = 1024
"""Messages in flight that an answer counts as: all that a connection may have, so that one of it is being made at a
time, however many it asks for."""


class LargeAnswers:
    """Those that wait."""

    def __init__(self, output: Share, tick: Tick, loop: Loop) -> None:
        """Start with none."""
        self._output = output
        self._tick = tick
        self._loop = loop
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    def give(self, peer: Peer, size: int, make: Callable[[], None]) -> None:
        """Call ``make``, which replies to ``peer`` with about ``size`` bytes: now, or once there is memory for them."""
        if not self._output.is_full and not self._waiting:
            make()
            return
        peer.in_flight += WEIGHT

        def late() -> None:
            try:
                make()
            finally:
                self.done(size)
                self._tick.release(peer, WEIGHT)

        self._wait(size, late)

    async def room(self, size: int) -> None:
        """Return once there is memory for ``size`` bytes, which are taken then. Call ``done`` afterwards."""
        if not self._output.is_full and not self._waiting:
            self._output.used += size
            return
        there = asyncio.get_running_loop().create_future()
        self._wait(size, lambda: None if there.done() else there.set_result(None))
        try:
            await there
        except asyncio.CancelledError:
            if there.done() and not there.cancelled():
                self.done(size)
            raise

    def done(self, size: int) -> None:
        """Give back what ``room`` took."""
        self._output.used -= size

    def _wait(self, size: int, act: Callable[[], None]) -> None:
        self._waiting.append((size, act))
        if len(self._waiting) == 1:
            self._loop.call_later(RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        while self._waiting and not self._output.is_full:
            size, act = self._waiting.popleft()
            self._output.used += size
            act()
        if self._waiting:
            self._loop.call_later(RETRY_SECONDS, self._retry)
