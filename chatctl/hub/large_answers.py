"""Large answers: pages and rosters are made while there is memory for them, and wait else.

Each takes bytes of the output's share before it is made and gives them back afterwards; by then it is counted as
output. First come, first served. Does not live here: making them
(history.py, searching.py, hub.py).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from chatctl.core.effects import error_frame
from chatctl.core.memory import Share
from chatctl.core.peer import Peer
from chatctl.errors import ChatError
from chatctl.hub.event_log import Log
from chatctl.hub.tick import Loop, Tick
from chatctl.protocol import Frame

RETRY_SECONDS = 0.05

WEIGHT = 1024
"""Messages in flight that an answer counts as: all that a connection may have, so that one of it is being made at a
time, however many it asks for."""


class LargeAnswers:
    """Those that wait."""

    def __init__(self, output: Share, tick: Tick, loop: Loop, log: Log) -> None:
        """Start with none."""
        self._output = output
        self._tick = tick
        self._loop = loop
        self._log = log
        self._making: set[asyncio.Task[None]] = set()
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

    def give_later(self, peer: Peer, size: int, make: Coroutine[Any, Any, Frame], what: str, id: str | None) -> None:  # noqa: A002 — the wire's own word
        """Reply to ``peer`` with what ``make`` returns, about ``size`` bytes, or with its error; in flight until then.

        Args:
            peer: who asked.
            size: bytes.
            make: is run once there is memory for them.
            what: the answer, as it is called where it fails by a fault of our own.
            id: of the frame that is answered.
        """
        peer.in_flight += WEIGHT
        task = asyncio.get_running_loop().create_task(self._make(peer, size, make, what, id))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make(self, peer: Peer, size: int, make: Coroutine[Any, Any, Frame], what: str, id: str | None) -> None:  # noqa: A002
        await self.room(size)
        try:
            self._tick.reply(peer, await make)
        except ChatError as error:
            self._tick.reply(peer, error_frame(error, id))
        except Exception as error:  # noqa: BLE001 — a fault of our own: it is logged, and nobody waits for ever
            room = peer.room.name if peer.room is not None else ""
            self._log.error(f"{what} could not be made", peer=peer.label, room=room, why=repr(error))
            fault = ChatError(f"{what} failed: internal error of the server")
            self._tick.reply(peer, error_frame(fault, id))
        finally:
            self.done(size)
            self._tick.release(peer, WEIGHT)

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
