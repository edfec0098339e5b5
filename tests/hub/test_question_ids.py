"""Each answer has the id of its question, and so has the error that stands in its place."""

from __future__ import annotations

import msgspec
import pytest

from chatctl.protocol import (
    ClientFrame,
    Error,
    History,
    Identity,
    Join,
    Lease,
    LeaseState,
    Nick,
    Page,
    Rename,
    RoomList,
    Rooms,
    Roster,
    Who,
    Whois,
)
from tests.support.fakes import House, KeepingJournal, only

HOLDER = "d" * 32
LOCK = Lease("lock", "deploy", HOLDER)

ANSWERED: list[tuple[ClientFrame, type]] = [
    (Who(), Roster),
    (Rooms(), RoomList),
    (Whois("ana"), Identity),
    (History(limit=5, after=0), Page),
    (LOCK, LeaseState),
    (Lease("lock", "deploy", HOLDER, do="look"), LeaseState),
]
REFUSED: list[ClientFrame] = [Whois("nobody"), History(limit=5), Nick("no name"), Nick("bob")]
NAMES = [type(frame).__name__ for frame, _ in ANSWERED]


@pytest.mark.parametrize(("asked", "answer"), ANSWERED, ids=NAMES)
def test_an_answer_has_the_id_of_its_question(asked: ClientFrame, answer: type) -> None:
    house = House()
    ana = house.join("ana", token=HOLDER)
    ana.take()
    for ident in ("q1", "q2", None):
        ana.say(msgspec.structs.replace(asked, id=ident))
        house.settle()
    assert [frame.id for frame in only(answer, ana.take())] == ["q1", "q2", None]


@pytest.mark.parametrize("asked", REFUSED, ids=str)
def test_an_error_has_the_id_of_its_question(asked: ClientFrame) -> None:
    house = House()
    house.join("bob")
    ana = house.join("ana")
    ana.take()
    ana.say(msgspec.structs.replace(asked, id="q1"), asked)
    house.settle()
    assert [error.id for error in only(Error, ana.take())] == ["q1", None]


def test_an_error_of_the_journal_has_it_too() -> None:
    """It comes later than the question."""
    house = House(journal=(journal := KeepingJournal()))
    ana = house.join("ana", token=HOLDER)
    house.settle()
    journal.at_once = False
    ana.take()
    ana.say(msgspec.structs.replace(LOCK, id="q1"))
    journal.fail()
    house.settle()
    assert [(error.code, error.id) for error in only(Error, ana.take())] == [("storage", "q1")]


def test_what_a_mode_may_not_do_is_refused_with_it() -> None:
    house = House()
    watcher = house.join("", mode="watch")
    watcher.take()
    watcher.say(Nick("ana", id="q1"))
    house.settle()
    assert [error.id for error in only(Error, watcher.take())] == ["q1"]


def test_a_change_of_name_is_everybodys() -> None:
    house = House()
    ana = house.join("ana")
    ana.take()
    ana.say(Nick("eve", id="q1"))
    house.settle()
    assert [frame for frame in ana.take() if not isinstance(frame, Join)] == [Rename("ana", "eve")]
