"""A soak of seconds, and what its judges find."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.system.soak.ledger import Ledger
from tests.system.soak.run import Plan, soak
from tests.system.soak.samples import MIB, Sample, trends

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


def test_seconds_of_everything_at_once_lose_nothing(env: dict[str, str], tmp_path: Path) -> None:
    """The long form runs for an hour with 500 members: python benchmarks/soak.py."""
    plan = Plan(members=12, seconds=6, pace=0.3, pause=0.1, every=0.2)
    outcome = asyncio.run(soak(plan, tmp_path, env))
    assert outcome.ledger.faults == []
    assert outcome.trouble == []
    assert outcome.exit_code == 0
    counts = outcome.ledger.counts
    assert min(counts[deed] for deed in ("acked", "whisper", "rename", "page", "search", "stall", "go")) > 0
    assert min(counts[deed] for deed in ("clock step", "paused log reader", "backup", "reload")) > 0
    assert len(outcome.samples) > 5


def samples(rss: float, lag: float = 0.001) -> list[Sample]:
    """Return those of a run in which both grow to so many times as much."""
    return [
        Sample(n, int(100 * MIB * (1 + (rss - 1) * n / 99)), 50, 0, 0.02 * (1 + (lag - 1) * n / 99)) for n in range(100)
    ]


def test_what_grows_is_found() -> None:
    assert all(trend.is_flat for trend in trends(samples(1.0, 1.0)))
    assert [trend.name for trend in trends(samples(2.0, 1.0)) if not trend.is_flat] == ["rss"]
    assert [trend.name for trend in trends(samples(1.0, 30.0)) if not trend.is_flat] == ["lag"]


def test_what_is_lost_is_found() -> None:
    ledger = Ledger()
    for seq, text in enumerate(("one", "two", "three"), 1):
        ledger.ack("ana", seq, text)
        ledger.shown[seq] = text
    ledger.redacted.add(2)
    ledger.shown[2] = ""
    ledger.close()
    assert ledger.faults == []
    del ledger.shown[2]
    ledger.shown[3] = "another"
    ledger.ack("omar", 1, "also one")
    ledger.close()
    assert len(ledger.faults) == 3
