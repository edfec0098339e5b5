"""One soak from start to verdict."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.system.soak.events import Operator
from tests.system.soak.ledger import Ledger
from tests.system.soak.member import Auditor, Member
from tests.system.soak.samples import Sample, Sampler, Trend, trends
from tests.system.soak.serving import Serving

SETTLE_SECONDS = 120.0
"""How long members may take at the end for what is owed to them."""


@dataclass(frozen=True)
class Plan:
    """How much, and for how long."""

    members: int
    seconds: float
    pace: float
    """Seconds between two things that a member does, on average."""
    pause: float
    """Seconds between two things that the operator does."""
    every: float
    """Seconds between two samples."""
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    ledger: Ledger
    trends: list[Trend]
    samples: list[Sample]
    trouble: list[str]
    exit_code: int
    log_lines: int

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept, nothing grew, and the log has no traceback."""
        flat = all(trend.is_flat for trend in self.trends)
        return flat and not self.ledger.faults and not self.trouble and self.exit_code == 0


async def soak(
    plan: Plan, folder: Path, env: Mapping[str, str], show: Callable[[Sample, Ledger], None] = lambda *_: None
) -> Outcome:
    """Run it; the server's files are left in ``folder``."""
    chance, ledger = random.Random(plan.seed), Ledger()
    server = Serving(folder, env, "--durability", "os", "--keep-messages", "100000", "--memory", "256M")
    try:
        sampler = Sampler(server.process.pid, server.port, server.journal)
        auditor = Auditor(server.port, 0, ledger, chance, plan.pace)
        auditor.nick = "auditor"
        members = [Member(server.port, number, ledger, chance, plan.pace) for number in range(plan.members)]
        audit = asyncio.create_task(auditor.live())
        while not auditor.has_seen(0):
            await asyncio.sleep(0.01)
        lives = [asyncio.create_task(member.live()) for member in members]
        working = asyncio.create_task(Operator(server, ledger, chance, plan.pause).work())
        await _sample(plan, sampler, server, ledger, [audit, working, *lives], show)
        working.cancel()
        await asyncio.wait([working])
        server.clock.set(0)
        await _settle(members, lives, auditor, audit, ledger)
        sampler.save(folder / "samples.jsonl")
        sampler.close()
    finally:
        exit_code = server.stop()
    ledger.close()
    return Outcome(ledger, trends(sampler.samples), sampler.samples, server.trouble, exit_code, server.lines)


async def _sample(
    plan: Plan,
    sampler: Sampler,
    server: Serving,
    ledger: Ledger,
    tasks: list[asyncio.Task[None]],
    show: Callable[[Sample, Ledger], None],
) -> None:
    """Take samples until it is time; a task that ends before that is a fault."""
    end = time.monotonic() + plan.seconds
    while time.monotonic() < end:
        await asyncio.sleep(plan.every)
        await asyncio.to_thread(sampler.take)
        show(sampler.samples[-1], ledger)
        for task in [task for task in tasks if task.done()]:
            tasks.remove(task)
            ledger.fault(f"a member or the operator stopped: {task.exception()!r}")
        if server.process.poll() is not None:
            raise ChildProcessError(f"the server ended: {server.last}")


async def _settle(
    members: list[Member],
    lives: list[asyncio.Task[None]],
    auditor: Auditor,
    audit: asyncio.Task[None],
    ledger: Ledger,
) -> None:
    """Let everybody get what is owed to them, and go."""
    for member in members:
        member.leave()
    _, late = await asyncio.wait(lives, timeout=SETTLE_SECONDS)
    for task in late:
        task.cancel()
        ledger.fault("a member never got its acknowledgements")
    deadline = time.monotonic() + SETTLE_SECONDS
    while not auditor.has_seen(max(ledger.acked, default=0)) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    audit.cancel()
    await asyncio.wait([audit, *late])
