"""What waits for the directory's connection: in which order it goes, and what stays the next one."""

from __future__ import annotations

import pytest

from chatctl.directory import Place, Wish
from chatctl.journal.postgres import waiting_orders
from chatctl.journal.postgres.directory_work import Claim, Release
from chatctl.journal.postgres.waiting_orders import ClaimAttempt, WaitingOrders

SID = "me"


def claim(*nicks: str) -> Claim:
    wishes = [Wish(nick, nick, frozenset([nick]), frozenset(), "lobby") for nick in nicks]
    return Claim(wishes, lambda _: None, 0)


def release(number: int, after: int = 0) -> Release:
    return Release([Place(SID, number)], after)


def claimed(waiting: WaitingOrders) -> ClaimAttempt:
    attempt = waiting.next(SID)
    assert isinstance(attempt, ClaimAttempt)
    return attempt


def test_a_claim_stays_the_next_one_under_its_number_until_it_is_reported() -> None:
    waiting = WaitingOrders()
    waiting.orders.append(claim("a"))
    attempt = claimed(waiting)
    waiting.orders.extend([release(1), claim("b")])
    assert waiting.next("another incarnation") is attempt
    assert (attempt.sid, attempt.number) == (SID, 1)
    waiting.attempt = None
    assert waiting.next(SID) == [release(1)]


def test_nothing_overtakes() -> None:
    """Who gives a name up and takes it again has it, and who takes it and gives it up has not."""
    waiting = WaitingOrders()
    first, second = claim("a", "b"), claim("c")
    waiting.orders.extend([first, second, release(1), claim("d")])
    assert [wish.nick for wish in claimed(waiting).wishes] == ["a", "b", "c"]
    waiting.attempt = None
    assert waiting.next(SID) == [release(1)]
    assert waiting.next(SID) == [release(1)], "until it is done"
    waiting.released([release(1)])
    assert [wish.nick for wish in claimed(waiting).wishes] == ["d"]
    assert claimed(waiting).number == 2


def test_what_is_told_after_the_same_entry_is_released_together() -> None:
    waiting = WaitingOrders()
    waiting.orders.extend([release(1, 5), release(2, 5), release(3, 6), release(4, 5)])
    done = []
    while isinstance(alike := waiting.next(SID), list):
        done.append([one.members[0].number for one in alike])
        waiting.released(alike)
    assert done == [[1, 2], [3], [4]]


@pytest.mark.parametrize(("most", "groups"), [(3, [3, 2]), (1, [1, 2, 2]), (9, [5])])
def test_a_call_is_not_larger_than_others_may_wait_for(
    monkeypatch: pytest.MonkeyPatch, most: int, groups: list[int]
) -> None:
    """Unless one claim alone is."""
    monkeypatch.setattr(waiting_orders, "MAX_WISHES", most)
    waiting = WaitingOrders()
    waiting.orders.extend([claim("a"), claim("b", "c"), claim("d", "e")])
    sizes = []
    while waiting.next(SID) is not None:
        sizes.append(len(claimed(waiting).wishes))
        waiting.attempt = None
    assert sizes == groups


def test_what_never_reached_the_engine_can_be_refused_and_what_is_released_stays() -> None:
    waiting = WaitingOrders()
    waiting.orders.append(claim("sent"))
    sent = claimed(waiting)
    unsent = claim("unsent")
    waiting.orders.extend([unsent, release(1)])
    assert waiting.drop_claims() == [unsent]
    assert (waiting.next(SID), list(waiting.orders)) == (sent, [release(1)])


def test_what_was_certainly_not_made_waits_again_in_its_place() -> None:
    waiting = WaitingOrders()
    one, two, three = claim("a"), claim("b"), claim("c")
    waiting.orders.extend([one, two])
    claimed(waiting)
    waiting.orders.append(three)
    waiting.put_back()
    assert waiting.attempt is None
    assert list(waiting.orders) == [one, two, three]
