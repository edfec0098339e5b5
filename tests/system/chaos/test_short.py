"""The short form of the proof. The long one is ``python benchmarks/chaos.py --cycles 1000``; with ``--servers 3``, of
several servers."""

from __future__ import annotations

import dataclasses
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.needs import need
from tests.system.chaos.child import CHATCTL, PLANTED
from tests.system.chaos.ordeal import Outcome, run
from tests.system.chaos.plan import Plan
from tests.system.chaos.verifier import describe


def insist(outcome: Outcome) -> None:
    """Nothing was broken, and everything that was begun came to its end."""
    verdict = outcome.verdict
    assert not verdict.broken, describe(verdict)
    assert verdict.attempted == verdict.acked > 0, describe(verdict)
    assert verdict.shown > 0, describe(verdict)


def seed() -> str:
    """Another one each time; it is in the test's output when it fails."""
    drawn = random.SystemRandom().randbytes(4).hex()
    print("seed", drawn)
    return drawn


def test_nothing_is_lost_and_nothing_comes_twice_through_twenty_kills(tmp_path: Path) -> None:
    """The promises, to a sceptic: kills, stops, a disk that fills, and a network that cuts where it hurts."""
    members = {"text_members": 1, "classic_members": 1, "join_members": 1}
    outcome = run(Plan(cycles=20, seed=seed(), **members), tmp_path)  # type: ignore[arg-type]
    insist(outcome)
    tally, verdict = outcome.tally, outcome.verdict
    assert tally.kills == 20
    assert tally.stops > 0
    assert tally.starved > 0
    assert tally.cuts > 0
    assert verdict.again > 0  # else no retry was put to the test
    assert verdict.logged - verdict.lines == verdict.attempted
    assert verdict.lines > 0


def test_what_is_kept_no_more_is_announced(tmp_path: Path) -> None:
    """Retention takes entries from under the cursors of those who are away."""
    outcome = run(Plan(cycles=4, rate=150, durability="os", keep=100, ring=50, seed=seed()), tmp_path)
    insist(outcome)
    assert outcome.verdict.trimmed > 0
    assert outcome.verdict.gaps > 0


SEVERAL = Plan(
    servers=3,
    every=(0.05, 0.2),
    senders=2,
    readers=3,
    contestants=2,
    text_members=1,
    classic_members=1,
    join_members=1,
    rate=15,
    command=(sys.executable, PLANTED, "quick_beats"),
)


def run_several(tmp_path: Path, **more: Any) -> Outcome:
    """Do each of the ``events`` once."""
    outcome = run(dataclasses.replace(SEVERAL, cycles=len(more["events"]), seed=seed(), **more), tmp_path)
    insist(outcome)
    assert outcome.tally.events == Counter(more["events"])
    verdict = outcome.verdict
    assert verdict.again > 0
    assert verdict.logged - verdict.lines == verdict.attempted
    assert verdict.lines > 0
    return outcome


@pytest.mark.long
def test_three_servers_are_one_whatever_happens_to_them_and_to_the_engine(tmp_path: Path) -> None:
    """Speaker and reader are at different servers, and whoever comes back comes to another one."""
    outcome = run_several(tmp_path, events=("sweep", "kill", "engine killed", "restart all"))
    tally, verdict = outcome.tally, outcome.verdict
    assert (tally.kills, tally.sweeps, tally.events["engine killed"], tally.restarts_of_all) == (4, 1, 1, 1)
    assert verdict.given > 1


@pytest.mark.long
def test_with_a_standby_nothing_that_was_acknowledged_is_lost_whichever_is_the_primary(tmp_path: Path) -> None:
    """Switched over, failed over, and from one that stood still and then does not know of its successor."""
    events = "switch over", "cut off", "fail over", "standby killed", "fail over from a frozen one", "slow fsync"
    run_several(tmp_path, events=events, standbys=1, durability="replica", command=CHATCTL)


@pytest.mark.long
def test_with_two_standbys_either_takes_over_and_what_neither_has_is_shown_to_nobody(tmp_path: Path) -> None:
    """The engine waits for one of them: whichever has more is promoted, and the other one follows it."""
    events = "standby frozen", "fail over past one behind", "standbys frozen", "fail over from a frozen one"
    run_several(tmp_path, events=events, standbys=2, durability="replica", command=CHATCTL)


@pytest.mark.long
def test_a_full_disk_of_the_engine_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Whether it refuses what is said, or ends since its own log finds no room."""
    need("mount")
    run_several(tmp_path, events=("disk full", "kill"), engine_disk=300, rate=100)
