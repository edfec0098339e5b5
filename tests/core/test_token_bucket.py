"""core/token_bucket.py: how much, how fast."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.core.token_bucket import TokenBucket


def taken(bucket: TokenBucket, until: float, cost: float = 1) -> list[float]:
    """Take as soon as it may be taken, until a time; give when."""
    now, times = 0.0, []
    while (now := bucket.ready_at(now)) <= until:
        bucket.take(cost, now)
        times.append(now)
    return times


def test_a_burst_goes_at_once_and_then_it_is_the_rate() -> None:
    times = taken(TokenBucket(rate=10, burst=30, now=0), until=2)
    assert times[:30] == [0.0] * 30
    assert times[30] == pytest.approx(0.1)
    assert len(times) in (49, 50)


def test_a_pause_fills_it_up_to_the_burst_and_not_further() -> None:
    bucket = TokenBucket(rate=10, burst=3, now=0)
    for _ in range(3):
        bucket.take(1, 1000)
    assert bucket.ready_at(1000) > 1000


def test_a_unit_larger_than_the_burst_is_delayed_and_not_refused() -> None:
    bucket = TokenBucket(rate=100, burst=100, now=0)
    assert bucket.ready_at(0) == 0
    bucket.take(1000, 0)
    assert bucket.ready_at(0) == pytest.approx(9.01)


def test_a_rate_of_zero_allows_everything() -> None:
    bucket = TokenBucket(rate=0, burst=0, now=0)
    bucket.take(1e9, 0)
    assert bucket.ready_at(5) == 5


def test_a_clock_that_stands_or_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1, now=10)
    bucket.take(1, 10)
    assert bucket.ready_at(10) > 10
    assert bucket.ready_at(3) > 3


@given(
    st.floats(0.01, 1e6), st.integers(1, 10**6), st.floats(0, 1e7), st.lists(st.floats(0, 1e5), min_size=1, max_size=20)
)
def test_what_was_promised_for_a_time_holds_at_that_time(
    rate: float, burst: int, now: float, costs: list[float]
) -> None:
    """A timer is set for it: one that comes too early would spin."""
    bucket = TokenBucket(rate, burst, now)
    for cost in costs:
        bucket.take(cost, now)
        now = bucket.ready_at(now)
        assert bucket.ready_at(now) == now


@given(st.floats(0.1, 1000), st.integers(1, 100), st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_never_more_than_burst_and_rate_allow(rate: float, burst: int, waits: list[float]) -> None:
    bucket, now, count = TokenBucket(rate, burst, 0), 0.0, 0
    for wait in waits:
        now += wait
        while bucket.ready_at(now) <= now:
            bucket.take(1, now)
            count += 1
        assert count <= burst + rate * now + 1e-3
