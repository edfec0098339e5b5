"""Patterns that take for ever, on texts that somebody said for that."""

from __future__ import annotations

import re
import signal
import threading

import pytest

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.io.bounded_search import BoundedSearch
from chatctl.client.io.clock import deadline_in, now

PATTERN = re.compile("^(x+)+y$")
EVIL = "x" * 60
"""A search takes 2^60 steps."""

NEVER = Deadline(None, now)


def test_what_is_found_and_what_is_not() -> None:
    for deadline in (NEVER, deadline_in(60)):
        search = BoundedSearch(PATTERN, deadline)
        assert search("xxxy")
        assert not search("xxxz")


def test_a_search_ends_at_the_deadline() -> None:
    notices: list[str] = []
    search = BoundedSearch(PATTERN, deadline_in(0.2), notice=notices.append)  # less than a text's share
    with pytest.raises(DeadlinePassed):
        search(EVIL)
    with pytest.raises(DeadlinePassed):
        search("xxxy")  # later ones, too
    assert notices == []


@pytest.mark.parametrize(("left", "seconds"), [(None, 0.05), (1e6, 0.05), (1.0, 1e6)])
def test_one_text_holds_up_the_others_for_a_while_alone(left: float | None, seconds: float) -> None:
    """Or a tail with a cursor file would come to the same message for ever. The deadline's own clock stands here."""
    notices: list[str] = []
    search = BoundedSearch(PATTERN, Deadline.after(left, lambda: 0.0), seconds, notices.append)
    assert not search(EVIL)
    assert len(notices) == 1
    assert search("xxxy")


def test_the_timer_and_the_handler_are_given_back() -> None:
    """pytest's own limit of a test is such a timer."""
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    timer = signal.setitimer(signal.ITIMER_REAL, 1000, 500)
    try:
        for text in (EVIL, "xxxy"):
            BoundedSearch(PATTERN, NEVER, 0.05)(text)
            left, interval = signal.getitimer(signal.ITIMER_REAL)
            assert 500 < left <= 1000
            assert interval == 500
        signal.raise_signal(signal.SIGALRM)
        assert rung == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_search_without_an_end() -> None:
    """They can't have a handler; what is found there is the same."""
    found: list[bool] = []
    search = BoundedSearch(PATTERN, deadline_in(60))
    thread = threading.Thread(target=lambda: found.extend(map(search, ("xxxy", "xxxz"))))
    thread.start()
    thread.join()
    assert found == [True, False]
