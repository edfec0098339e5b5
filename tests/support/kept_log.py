"""A journal of one room that keeps what was said, for tests of what is read from behind the ring."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec

from chatctl.common.sizes import fitting
from chatctl.journal import Head
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Msg
from tests.support.fakes import House


class KeptLog(MemoryJournal):
    """Keeps the lobby, from ``first`` on, and gives of it only when its loop turns: as one on a disk would."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        """Have a log before the server starts."""
        super().__init__()
        self.entries = [Msg(seq, float(seq), "Rajat", text) for seq, text in enumerate(texts, 1)]
        self._last["lobby"] = len(texts)
        self.first = 1
        self.reads = 0
        self.broken: Exception | None = None
        """What reading fails with."""
        self.follow("lobby", self.entries.extend)

    def head(self, room: str) -> Head:
        head = super().head(room)
        return Head(self._epoch, self.first, head.last) if room == "lobby" else head

    async def read(
        self, room: str, after: int, limit: int, *, most: int | None = None, newest: bool = False
    ) -> Sequence[Msg]:
        self.reads += 1
        start = max(after, self.first - 1)
        found = self.entries[start : start + limit] if room == "lobby" else []
        for _ in range(4):  # what is done meanwhile is done before the answer comes
            await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        return fitting(found[::-1], most)[::-1] if newest else fitting(found, most)


P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test inside an event loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def rest(house: House) -> None:
    """Let the loop and the hub turn until nothing more comes."""
    for _ in range(200):
        house.settle()
        await asyncio.sleep(0)
