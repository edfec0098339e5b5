"""When a load sends what: times are handed in, so nothing waits."""

from __future__ import annotations

import pytest

from chatctl.bench.workload import Pacer, Workload
from chatctl.client.core.address import Address


def pacer(rate: float | None, seconds: float = 2.0, window: int = 64) -> Pacer:
    made = Pacer(Workload(Address("a-server", 1), rate=rate, seconds=seconds, window=window, settle_seconds=5.0))
    made.start(100.0)
    return made


def test_with_a_rate_messages_are_due_one_by_one() -> None:
    """The first one at once, and never more than were planned."""
    paced = pacer(10.0)
    assert (paced.due(100.0, 0), paced.due(100.35, 0), paced.due(200.0, 0)) == (1, 4, 20)
    paced.record(4, 100.35)
    assert (paced.due(100.35, 0), paced.due(100.4, 0)) == (0, 1)


def test_without_one_as_many_are_under_way_as_the_window_has_room_for() -> None:
    """However fast that is."""
    closed = pacer(None, window=64)
    assert closed.due(100.0, 0) == 64
    closed.record(64, 100.0)
    assert (closed.due(101.0, 0), closed.due(101.0, 10)) == (0, 10)


def test_a_latency_counts_from_when_a_message_was_due() -> None:
    """A generator that is late must not hide it."""
    late, closed = pacer(10.0), pacer(None)
    late.record(3, 101.0)
    assert list(late.due_at) == [100_000_000_000, 100_100_000_000, 100_200_000_000]
    closed.record(2, 101.0)
    assert list(closed.due_at) == [101_000_000_000] * 2


def test_what_was_planned_is_sent_however_late() -> None:
    """But not to a server that takes nothing any more."""
    late, closed = pacer(10.0), pacer(None)
    assert (late.unfinished(103.0), late.unfinished(107.5)) == (True, False)
    late.record(20, 103.0)
    assert not late.unfinished(101.0)
    assert (closed.unfinished(101.9), closed.unfinished(102.1)) == (True, False)


@pytest.mark.parametrize(("rate", "wait"), [(10.0, 0.049), (1000.0, 0.0), (0.1, 0.5)])
def test_it_waits_until_the_next_one_is_due(rate: float, wait: float) -> None:
    """At a low rate a little less, since epoll would oversleep."""
    paced = pacer(rate, seconds=20.0)
    paced.record(1, 100.0)
    assert paced.wait(100.05) == pytest.approx(wait)
