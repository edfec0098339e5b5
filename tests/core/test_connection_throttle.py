"""Which new connections are dropped at random, and how often one address may connect, on a clock that is handed in."""

from __future__ import annotations

import pytest

from chatctl.core.connection_throttle import AddressThrottle, drop_early
from chatctl.core.limits import ServerLimits

LIMITS = ServerLimits(greeting_start=10, greeting_percent=30, greeting_full=20)


@pytest.mark.parametrize(
    ("waiting", "chance", "dropped"),
    [
        (0, 0.0, False),
        (9, 0.0, False),
        (10, 0.29, True),
        (10, 0.31, False),
        (15, 0.64, True),
        (15, 0.66, False),
        (19, 0.92, True),
        (19, 0.94, False),
        (20, 0.999, True),
        (999, 0.999, True),
    ],
)
def test_the_fuller_the_door_the_more_are_dropped(waiting: int, chance: float, dropped: bool) -> None:
    """From 30 % at ten to all at twenty. Whoever fills it drops himself as well as others, and some get through."""
    assert drop_early(waiting, LIMITS, chance) is dropped


def test_a_door_that_is_full_as_soon_as_it_is_crowded() -> None:
    both = ServerLimits(greeting_start=5, greeting_full=5)
    assert not drop_early(4, both, 0.0)
    assert drop_early(5, both, 0.99)


def test_an_address_connects_at_its_pace_and_another_one_at_its_own() -> None:
    pace = AddressThrottle(rate=2, burst=3)
    assert [pace.wait("a", 0.0) > 0 for _ in range(5)] == [False, False, False, True, True]
    assert pace.wait("b", 0.0) == 0
    assert pace.wait("a", 0.0) == pytest.approx(0.5)
    assert pace.wait("a", 0.6) == 0


def test_who_keeps_on_trying_does_not_wait_the_longer_for_it() -> None:
    """A refused try costs nothing, or a client that tries every second would never come in again."""
    pace = AddressThrottle(rate=1, burst=1)
    pace.wait("a", 0.0)
    for _ in range(50):
        assert pace.wait("a", 0.0) > 0
    assert pace.wait("a", 1.1) == 0


def test_addresses_that_stay_away_are_forgotten() -> None:
    """One could come from a new address of IPv6 each time."""
    pace = AddressThrottle(rate=1, burst=2)
    for number in range(100):
        pace.wait(f"host{number}", 0.0)
    pace.forget(0.5)
    assert len(pace) == 100
    pace.forget(3.0)
    assert len(pace) == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.core.connection_throttle.MAX_ADDRESSES", 10)
    pace = AddressThrottle(rate=1, burst=1)
    for number in range(20):
        pace.wait(f"host{number}", 0.0)
    assert len(pace) == 10
    assert pace.wait("host19", 0.0) > 0
    assert pace.wait("host0", 0.0) == 0


def test_a_look_counts_nothing() -> None:
    pace = AddressThrottle(rate=1, burst=1)
    assert {pace.ready_in("a", 0.0) for _ in range(5)} == {0.0}
    assert len(pace) == 0
    pace.wait("a", 0.0)
    assert pace.ready_in("a", 0.0) > 0


def test_no_pace_is_no_limit() -> None:
    pace = AddressThrottle(rate=0, burst=1)
    assert {pace.wait("a", 0.0) for _ in range(100)} == {0.0}
    assert len(pace) == 0
