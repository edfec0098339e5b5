"""Checks in a row: what counts, and when it is worth checking again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, NoAnswer
from chatctl.client.health import Health
from chatctl.commands.probe import prober as probers
from chatctl.commands.probe.prober import Prober
from chatctl.commands.probe.results import CRITICAL, NOTHING_RAN, UNKNOWN
from chatctl.errors import NickInvalid, PasswordWrong, ServerFull, Unreachable

UNREACHABLE_STATE = 1
HEALTH = cast(Health, "a health")


class Criteria:
    silence_nick = None
    on_unreachable = UNREACHABLE_STATE


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Health | Exception]:
    """Return the outcomes that the checks will have, for the test to fill. Pauses take no time."""
    left: list[Health | Exception] = []

    def check(*_: object) -> Health:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(probers, "check", check)
    monkeypatch.setattr(probers, "evaluate", lambda health, *_: f"evaluated {health}")
    monkeypatch.setattr(probers.time, "sleep", lambda _: None)
    monkeypatch.setattr(probers.time, "monotonic", lambda: 100.0)
    return left


def prober() -> Prober:
    return Prober(Address("a.example", 1), "lobby", 1.0, cast(Any, Criteria()))


@pytest.mark.parametrize(
    ("outcome", "state", "up"),
    [
        (Unreachable("nobody"), UNREACHABLE_STATE, False),
        (NickInvalid("no"), CRITICAL, False),
        (ServerFull("full", retry_after=5), CRITICAL, False),
        (ZeroDivisionError("a fault of ours"), UNKNOWN, False),
    ],
)
def test_what_a_failed_check_is(outcomes: list[Health | Exception], outcome: Exception, state: int, up: bool) -> None:
    outcomes.append(outcome)
    one = prober()
    result = one.check()
    assert (result.state, result.up) == (state, up)
    assert one.result is result
    assert one.healths == []


def test_before_the_first_check_nothing_is_known() -> None:
    assert prober().result is NOTHING_RAN


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (Unreachable("x"), True),
        (ServerFull("x", retry_after=5), True),
        (NickInvalid("x"), False),
        (PasswordWrong("x", retry_after=0), False),  # or it would guess once a second, and lock its address out
        (OSError("x"), False),
    ],
)
def test_it_waits_for_what_may_pass(outcomes: list[Health | Exception], first: Exception, again: bool) -> None:
    outcomes += [first, HEALTH]
    one = prober()
    result = one.check(wait=60)
    assert (cast(object, result) == "evaluated a health") is again
    assert len(one.results) == 1, "the last check alone counts"


@pytest.mark.parametrize(
    ("before", "state"), [(Unreachable("refused"), UNREACHABLE_STATE), (ServerFull("full", retry_after=5), CRITICAL)]
)
def test_a_last_check_that_the_deadline_cuts_short_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, before: Exception, state: int
) -> None:
    """On a busy machine it has no time to be refused."""
    times = [100.0]

    def check(_address: Address, _room: str, deadline: Deadline, _author: object) -> Health:
        if len(times) == 1:
            times.append(101.0)
            raise before
        assert deadline.at == 101.5, "the wait's, and not that of a check, which has a second"
        times.append(deadline.at)
        raise NoAnswer("it did not answer in time")

    monkeypatch.setattr(probers, "check", check)
    monkeypatch.setattr(probers.time, "sleep", lambda _: None)
    monkeypatch.setattr(probers, "deadline_in", lambda seconds: Deadline.after(seconds, lambda: times[-1]))
    result = prober().check(wait=1.5)
    assert len(times) == 3
    assert (result.state, result.text) == (state, str(before))


def test_it_does_not_wait_past_its_deadline(outcomes: list[Health | Exception]) -> None:
    outcomes += [Unreachable("x"), HEALTH]
    assert prober().check(wait=0.05).state == UNREACHABLE_STATE
    assert outcomes == [HEALTH]
