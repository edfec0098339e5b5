"""What an operator does to the server of a soak, one thing after the other, for as long as it runs."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator

from chatctl.common.verbs import VERBS
from tests.system.soak.ledger import Ledger
from tests.system.soak.serving import Serving

STEPS = (-60.0, 3600.0, -3600.0, 86_400.0, -400.0, 0.0)
"""By how much the clock is ahead, in turn."""


class Operator:
    """Does each thing in turn."""

    def __init__(self, server: Serving, ledger: Ledger, chance: random.Random, pause: float) -> None:
        """``pause``: seconds between two things, and of those that last."""
        self._server, self._ledger, self._chance, self._pause = server, ledger, chance, pause
        self._steps = self._all_steps()

    @staticmethod
    def _all_steps() -> Iterator[float]:
        while True:
            yield from STEPS

    async def work(self) -> None:
        """Go on until cancelled."""
        deeds: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("clock step", self._set_clock),
            ("paused log reader", self._pause_log),
            ("backup", self._backup),
            ("reload", self._reload),
            ("mute", self._mute),
            ("topic", self._topic),
        ]
        if "redact" in VERBS:
            deeds.append(("redaction", self._redact))
        if "compact" in VERBS:
            deeds.append(("compaction", self._compact))
        try:
            while True:
                for name, deed in deeds:
                    await asyncio.sleep(self._pause)
                    await deed()
                    self._ledger.counts[name] += 1
        finally:
            self._server.reads.set()

    async def _run(self, *words: str, to_server: bool = True) -> None:
        done = await asyncio.to_thread(self._server.command, *words, to_server=to_server)
        if done.returncode:
            self._ledger.fault(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()[-200:]}")

    async def _set_clock(self) -> None:
        self._server.clock.set(next(self._steps))

    async def _pause_log(self) -> None:
        self._server.reads.clear()
        await asyncio.sleep(self._pause)
        self._server.reads.set()

    async def _backup(self) -> None:
        copy = self._server.folder / "copy.db"
        await self._run("backup", str(copy))
        copy.unlink(missing_ok=True)

    async def _reload(self) -> None:
        self._server.process.send_signal(signal.SIGHUP)
        await self._run("admin", "reload")

    async def _mute(self) -> None:
        await self._run("admin", "mute", f"m{self._chance.randrange(20)}", "--for", "5s")

    async def _topic(self) -> None:
        await self._run("admin", "topic", f"soak {self._chance.random()}")

    async def _redact(self) -> None:
        seq = max(self._ledger.shown, default=0) - self._chance.randrange(100)
        if seq > 0:
            self._ledger.redacted.add(seq)
            await self._run("admin", "redact", str(seq))

    async def _compact(self) -> None:
        await self._run("admin", "compact", "--yes")
