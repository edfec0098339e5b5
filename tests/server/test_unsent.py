"""unsent.py: what waits is counted, and how much of it one connection may have."""

from __future__ import annotations

from chatctl.core.memory import Share
from chatctl.server.unsent import UnsentOutput


class Holder:
    def __init__(self, of: UnsentOutput) -> None:
        self.unsent = self.now = 0
        self.held = False
        self._of = of

    def wait(self, size: int) -> None:
        self.now = size
        self.count_unsent()

    def count_unsent(self) -> None:
        self.held = self._of.count(self, self.now) or self.held

    def hold(self) -> None:
        self.held = True


def output(limit: int, most: int) -> tuple[Share, UnsentOutput, Holder, Holder]:
    share = Share(limit)
    unsent = UnsentOutput(share, most)
    return share, unsent, Holder(unsent), Holder(unsent)


def test_one_may_have_so_much() -> None:
    share, _, one, _ = output(1000, 100)
    one.wait(100)
    assert (one.held, share.used) == (False, 100)
    one.wait(101)
    assert (one.held, share.used) == (True, 101)


def test_all_that_have_any_are_held_once_it_is_too_much_together() -> None:
    share, _, one, other = output(100, 80)
    one.wait(50)
    assert not one.held
    other.wait(60)
    assert (one.held, other.held) == (True, True)
    one.held = other.held = False
    third = Holder(other._of)
    third.wait(1)
    assert third.held
    assert (one.held, share.used) == (False, 111), "they were told already"


def test_what_was_sent_is_not_counted_any_more() -> None:
    share, unsent, one, other = output(100, 80)
    one.wait(50)
    other.wait(20)
    one.now, other.now = 10, 0
    unsent.count_all()
    assert share.used == 10
    one.wait(0)
    assert share.used == 0
    one.now = 7
    unsent.count_all()
    assert share.used == 0, "nobody who has none is asked"
