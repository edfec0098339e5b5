"""Deadlines on a clock that is handed in."""

from __future__ import annotations

import pytest

from chatctl.client.core.deadline import MAX_WAIT, Deadline, DeadlinePassed


def now() -> float:
    return 100.0


def test_the_time_that_is_left() -> None:
    assert Deadline.after(5, now).left() == 5
    assert Deadline.after(None, now).left() is None
    with pytest.raises(DeadlinePassed):
        Deadline.after(0, now).left()


def test_no_wait_is_longer_than_a_socket_can_count() -> None:
    """More milliseconds than 31 bits hold would be some other time, or an error."""
    assert Deadline.after(1e9, now).left() == MAX_WAIT
    assert MAX_WAIT * 1000 < 2**31


@pytest.mark.parametrize(
    ("mine", "other", "earlier"), [(5, 3, 3), (3, 5, 3), (None, 3, 3), (3, None, 3), (None, None, None)]
)
def test_the_earlier_of_two(mine: float | None, other: float | None, earlier: float | None) -> None:
    deadline = Deadline.after(mine, now)
    assert deadline.earlier(Deadline.after(other, now)).at == (None if earlier is None else 100 + earlier)
    assert deadline.sooner(other).at == (None if earlier is None else 100 + earlier)
