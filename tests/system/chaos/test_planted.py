"""The verifier is put to the test: servers with a planted fault must be caught, and the same without one must not."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import Engine
from tests.system.chaos import planted_shared, verifier
from tests.system.chaos.child import PLANTED
from tests.system.chaos.ordeal import run
from tests.system.chaos.plan import Plan
from tests.system.chaos.planted import FAULTS
from tests.system.chaos.tormentor import Unwell
from tests.system.chaos.verifier import describe, read_diary, read_log, verify, verify_folder

CAUGHT_AS = {
    "none": set[str](),
    "drops": {"lost"},
    "hides": {"holes"},
    "repeats": {"twice"},
    "shows_again": {"twice"},
    "swaps": {"reordered"},
    "alters": {"altered"},
    "cries_lost": {"strange"},
    "falls_silent": {"holes"},
    "forgets_ids": {"twice"},
    "acks_early": {"lost"},
}
"""What the verifier must say of each fault, at least."""

CAUGHT_WITHOUT_NUMBERS_AS = {
    "none": set[str](),
    "hides": {"holes"},
    "shows_again": {"twice"},
    "swaps": {"reordered"},
    "alters": {"foreign"},
    "cries_lost": {"strange"},
    "falls_silent_to_join": {"holes"},
    "sends_away": {"ended"},
}
"""The same where nobody is shown numbers: with nc, a program of the first version and join."""

CAUGHT_BY = {"shows_again": {"nc0", "classic0"}, "falls_silent_to_join": {"join0"}, "sends_away": {"join0"}}
"""The others by all three. What comes again join does not show; nobody else knows what will come, or stays for ever."""

LONG = {"falls_silent": pytest.mark.long}
"""Its readers wait in vain."""

NEEDS_KILLS = {"acks_early": 4}
"""The others show themselves on the calmest day."""


def test_every_fault_is_tried() -> None:
    assert set(CAUGHT_AS) | set(CAUGHT_WITHOUT_NUMBERS_AS) == set(FAULTS)
    assert set(CAUGHT_AT_SEVERAL_AS) == set(planted_shared.FAULTS)


CAUGHT_AT_SEVERAL_AS = {
    "shared_forgets_ids": {"twice"},
    "shared_acks_early": {"lost"},
    "no_fence": {"fenced"},
    "sweeps_the_living": {"swept"},
    "no_done": {"twice"},
    "deaf": {"holes"},
    "claims_unseen": {"owners"},
    "keeps_epoch": {"lost"},
    "waits_for_no_standby": {"early"},
}

NEEDS: dict[str, dict[str, Any]] = {
    "no_fence": {"events": ["sweep"]},
    "sweeps_the_living": {"events": ["nothing"]},
    "no_done": {"events": ["nothing"], "text_members": 2},
    "deaf": {"senders": 1, "keep_server": True},  # who reads is at the server at which nobody speaks
    "claims_unseen": {"events": ["nothing"] * 5, "contestants": 6, "stay": (6.0, 7.0)},
    "keeps_epoch": {"events": ["lose the tail"], "standbys": 1},
    "waits_for_no_standby": {"events": ["standbys frozen"], "standbys": 2, "durability": "replica"},
}
"""The others show themselves wherever something is said."""

NEEDS_TROUBLE = {"no_done": "loses_answers", "claims_unseen": "slow_claims"}
"""What a sound server must live up to, and one with this fault does not."""


def several(tmp_path: Path, engine: Engine, command: str, needs: dict[str, Any]) -> None:
    """Run two servers for as long as it takes; they have an engine of their own where it has to have a standby."""
    plan = Plan(
        cycles=len(needs.get("events", ())),
        servers=2,
        readers=1,
        rate=150,
        calm=True,
        command=(sys.executable, PLANTED, f"{command},quick_beats"),
        patience=10.0,
        **{"senders": 2} | needs,
    )
    run(plan, tmp_path, engine=None if plan.standbys else engine)


@pytest.mark.parametrize("fault", [pytest.param(fault, marks=LONG.get(fault, ())) for fault in CAUGHT_AS])
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
@pytest.mark.parametrize("fault", CAUGHT_WITHOUT_NUMBERS_AS)
def test_a_server_with_this_fault_is_caught_by_those_who_are_shown_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(verifier, "_FAULTS_KEPT", 10_000)  # one of each member is wanted
    plan = Plan(
        cycles=0,
        senders=2,
        readers=0,
        text_members=1,
        classic_members=1,
        join_members=1,
        rate=150,
        calm=True,
        command=(sys.executable, PLANTED, fault),
        patience=5.0,
    )
    run(plan, tmp_path)
    diaries = {path.stem: read_diary(path) for path in tmp_path.glob("*.jsonl") if "historian" not in path.stem}
    verdict = verify(read_log(tmp_path / "rooms.db"), diaries)
    assert verdict.acked > 0, describe(verdict)
    assert CAUGHT_WITHOUT_NUMBERS_AS[fault] <= set(verdict.broken), describe(verdict)
    assert bool(verdict.broken) == (fault != "none"), describe(verdict)
    told = " ".join(verdict.faults)
    for member in CAUGHT_BY.get(fault, {"join0", "nc0", "classic0"}) if fault != "none" else ():
        assert f" {member} " in told, describe(verdict)


@pytest.mark.long
@pytest.mark.parametrize("fault", planted_shared.FAULTS)
def test_several_servers_with_this_fault_are_caught(tmp_path: Path, engine: Engine, fault: str) -> None:
    command = f"{fault},{NEEDS_TROUBLE.get(fault, 'none')}"
    with contextlib.suppress(Unwell):  # it may end with its fault: what there is by then is judged
        several(tmp_path, engine, command, NEEDS.get(fault, {}))
    verdict = verify_folder(tmp_path)
    assert verdict.acked > 0, describe(verdict)
    assert CAUGHT_AT_SEVERAL_AS[fault] <= set(verdict.broken), describe(verdict)


@pytest.mark.long
@pytest.mark.parametrize("fault", NEEDS_TROUBLE)
def test_several_servers_without_it_live_up_to_the_same(tmp_path: Path, engine: Engine, fault: str) -> None:
    several(tmp_path, engine, NEEDS_TROUBLE[fault], NEEDS[fault])
    verdict = verify_folder(tmp_path)
    assert verdict.acked > 0, describe(verdict)
    assert not verdict.broken, describe(verdict)
