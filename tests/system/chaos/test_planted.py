"""The verifier is put to the test: servers with a planted fault must be caught, and the same without one must not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.engine import Engine
from tests.system.chaos.child import PLANTED
from tests.system.chaos.ordeal import run
from tests.system.chaos.plan import Plan
from tests.system.chaos.planted import FAULTS, FAULTS_OF_SEVERAL
from tests.system.chaos.verifier import describe

CAUGHT_AS = {
    "none": set[str](),
    "drops": {"lost"},
    "hides": {"holes"},
    "repeats": {"twice"},
    "shows_again": {"twice"},
    "swaps": {"reordered"},
    "forgets_ids": {"twice"},
    "acks_early": {"lost"},
}
"""What the verifier must say of each fault, at least."""

NEEDS_KILLS = {"acks_early": 4}
"""The others show themselves on the calmest day."""


def test_every_fault_is_tried() -> None:
    assert set(CAUGHT_AS) == set(FAULTS)
    assert set(CAUGHT_AT_SEVERAL_AS) == set(FAULTS_OF_SEVERAL)


CAUGHT_AT_SEVERAL_AS = {
    "shared_forgets_ids": {"twice"},
    "shared_acks_early": {"lost"},
    "no_fence": {"fenced"},
    "sweeps_the_living": {"swept"},
}

NEEDS_EVENT = {"no_fence": "sweep", "sweeps_the_living": "nothing"}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_with_this_fault_is_caught(tmp_path: Path, fault: str) -> None:
    plan = Plan(
        cycles=NEEDS_KILLS.get(fault, 0),
        senders=4,
        readers=2,
        rate=150,
        calm=True,
        command=(sys.executable, PLANTED, fault),
        patience=10.0,  # a server that hides the log's last entry never lets its readers get to the end
    )
    verdict = run(plan, tmp_path).verdict
    assert verdict.acked > 0, describe(verdict)
    assert CAUGHT_AS[fault] <= set(verdict.broken), describe(verdict)
    assert bool(verdict.broken) == (fault != "none"), describe(verdict)


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS_OF_SEVERAL)
def test_several_servers_with_this_fault_are_caught(tmp_path: Path, engine: Engine, fault: str) -> None:
    plan = Plan(
        cycles=fault in NEEDS_EVENT,
        servers=2,
        events=[NEEDS_EVENT[fault]] if fault in NEEDS_EVENT else (),
        senders=2,
        readers=1,
        rate=150,
        calm=True,
        command=(sys.executable, PLANTED, f"{fault},quick_beats"),
        patience=10.0,
    )
    verdict = run(plan, tmp_path, engine=engine).verdict
    assert verdict.acked > 0, describe(verdict)
    assert CAUGHT_AT_SEVERAL_AS[fault] <= set(verdict.broken), describe(verdict)
