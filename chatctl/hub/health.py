"""Health: whether a message gets through the journal and back, as ``chatctl probe`` finds out, asked by load balancers.

One probe at a time, and none while the last one is fresh: whoever asks how often costs at most a commit a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from chatctl.errors import StorageFailed
from chatctl.journal import Draft, Journal, Receipt

FRESH_SECONDS = 1.0
"""How old a probe is at most that is answered with."""

PATIENCE_SECONDS = 2.0
"""How long a commit may take: then the journal hangs."""


class Health:
    """Sends messages through a journal that nobody sees and no history keeps."""

    def __init__(
        self,
        journal: Journal,
        room: str,
        clock: Callable[[], float],
        *,
        fresh: float = FRESH_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Probe nothing yet.

        Args:
            journal: of the server.
            room: one that is always there.
            clock: returns Unix seconds.
            fresh: seconds for which a probe is believed.
            patience: seconds that one may take.
        """
        self._journal = journal
        self._room = room
        self._clock = clock
        self._fresh = fresh
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._begun = float("-inf")
        self._probe: asyncio.Future[str] | None = None

    async def check(self) -> str:
        """Return what is wrong, by a probe that is fresh; empty if nothing is."""
        now = self._loop.time()
        if self._probe is None or (self._probe.done() and now - self._begun >= self._fresh):
            self._probe = self._start(now)
        left = self._begun + self._patience - now
        await asyncio.wait([self._probe], timeout=max(0.0, left))
        if self._probe.done():
            return self._probe.result()
        why: str | None = getattr(self._journal, "trouble", None)
        return why or f"the journal has not answered for {self._loop.time() - self._begun:.0f} s"

    def _start(self, now: float) -> asyncio.Future[str]:
        probe: asyncio.Future[str] = self._loop.create_future()

        def done(outcome: Sequence[Receipt] | StorageFailed) -> None:
            if not probe.done():
                probe.set_result(outcome.text if isinstance(outcome, StorageFailed) else "")

        self._begun = now
        draft = Draft(self._room, self._clock(), "healthz", "", action=False, token=None, id=None, persist=False)
        self._journal.append([draft], done)
        return probe
