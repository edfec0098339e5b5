"""Which entries are old, when the clock that stamped them was wrong at times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatctl.journal.aging import LOOK_AHEAD, end_of_old

OLDER = 10.0


def end(*times: float) -> int | None:
    return end_of_old(enumerate(times, 1), OLDER)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_clock_that_goes_forwards_leaves_the_new_ones(old: int, new: int) -> None:
    assert end(*[1] * old, *[11] * new) == (old + 1 if old else None)


def test_one_late_time_keeps_nothing_and_one_early_time_takes_nothing_along() -> None:
    assert end(1, 99, 1, 1, 11) == 5
    assert end(99, 1, 1) == 4
    assert end(1, 1, 11, 11, 11, 1, 11) == 3
    assert end(11, 1, 11) is None


@given(st.lists(st.floats(0, 20), max_size=60))
def test_the_front_never_ends_with_a_new_one_and_is_mostly_old(times: list[float]) -> None:
    found = end(*times)
    if found is not None:
        front = [time < OLDER for time in times[: found - 1]]
        assert front[-1]
        assert 2 * sum(front) > len(front)


def test_a_long_log_is_not_read_to_its_end() -> None:
    """The check comes every minute, in every room."""
    rows = iter(enumerate([1.0, *[11.0] * (3 * LOOK_AHEAD)], 1))
    assert end_of_old(rows, OLDER) == 2
    assert len(list(rows)) == 2 * LOOK_AHEAD
