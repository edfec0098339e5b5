"""hub/turns.py: how much is done in one iteration of a loop that is turned by hand."""

from __future__ import annotations

from functools import partial

from chatctl.hub.turns import Turns
from tests.support.fakes import House


def test_so_many_at_once_and_the_others_in_the_next_iterations_in_their_order() -> None:
    house, done = House(), []
    turns = Turns(house, 2)
    for number in range(7):
        if turns.take():
            done.append(number)
        else:
            turns.wait(number, partial(done.append, number))
    seen = [list(done)]
    while house.due:
        house.turn()
        seen.append(list(done))
    assert [len(one) for one in seen] == [2, 4, 6, 7, 7]
    assert done == list(range(7))


def test_who_comes_later_does_not_pass_those_who_wait() -> None:
    house, done = House(), []
    turns = Turns(house, 1)
    assert turns.take()
    turns.wait("early", partial(done.append, "early"))
    turns.wait("next", partial(done.append, "next"))
    house.turn()
    assert done == ["early"]
    assert not turns.take()


def test_who_leaves_is_forgotten_and_an_idle_one_costs_nothing() -> None:
    house, done = House(), []
    turns = Turns(house, 1)
    assert turns.take()
    turns.wait("gone", partial(done.append, "gone"))
    turns.drop("gone")
    turns.drop("never there")
    assert len(turns) == 0
    house.settle()
    assert (done, house.due) == ([], [])
    assert turns.take()


def test_what_is_added_by_the_work_itself_waits_for_the_next_iteration() -> None:
    """A refusal is answered and the next name of the same connection is judged: that must not go on within one."""
    house, done = House(), []
    turns = Turns(house, 3)

    def again() -> None:
        done.append(len(done))
        turns.wait("same", again)

    turns.wait("same", again)
    house.turn()
    assert len(done) <= 3
