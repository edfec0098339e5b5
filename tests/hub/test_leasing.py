"""leasing.py: what connections get, what the journal keeps and the room is told. The loop is turned by hand."""

from __future__ import annotations

from typing import Literal

import pytest

from chatctl import protocol as p
from chatctl.core.leases import Leases
from chatctl.journal import ChangedMeanwhile
from chatctl.protocol import LEASE_SECONDS, Error, Lease, LeaseState
from tests.hub.conftest import OF_ONE
from tests.hub.lease_holders import (
    ANA,
    BOB,
    LOCK,
    ONE,
    QUESTION,
    TWO,
    answer,
    notices,
    pass_over,
    post,
    taken,
    watch,
)
from tests.support.fakes import House, KeepingJournal, only, order
from tests.support.two_servers import TwoServers, directory_of


@pytest.fixture
def house() -> House:
    return House()


# --- locks


def test_the_second_is_told_who_has_it_and_since_when(house: House) -> None:
    mine = answer(house, post(house, "ci"), LOCK)
    assert mine == LeaseState("lock", "backup", held=True, nick="ci", since=1000.0)
    house.pass_time(5)
    other = answer(house, post(house, "ci2", BOB), Lease("lock", "backup", TWO))
    assert other == LeaseState("lock", "backup", held=False, nick="ci", since=1000.0)


def test_a_lost_connection_keeps_it_for_so_long(house: House) -> None:
    ci, other = post(house, "ci"), post(house, "ci2", BOB)
    assert taken(house, ci, LOCK)
    ci.lose()
    house.settle()
    pass_over(house, LEASE_SECONDS - 1)
    assert not taken(house, other, Lease("lock", "backup", TWO))
    house.pass_time(1)
    assert taken(house, other, Lease("lock", "backup", TWO)), "whoever asks is not told of one that is over"


def test_back_in_time(house: House) -> None:
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    ci.lose()
    house.settle()
    pass_over(house, LEASE_SECONDS - 1)
    assert taken(house, post(house, "ci"), LOCK)
    pass_over(house, 10 * LEASE_SECONDS)
    assert not taken(house, post(house, "ci2", BOB), Lease("lock", "backup", TWO))


def test_a_release_frees_it_at_once_and_only_its_holder_s_does(house: House) -> None:
    ci, other = post(house, "ci"), post(house, "ci2", BOB)
    assert taken(house, ci, LOCK)
    answer(house, other, Lease("lock", "backup", ONE, "release"))
    assert not taken(house, other, Lease("lock", "backup", TWO))
    assert answer(house, ci, Lease("lock", "backup", ONE, "release")) == LeaseState("lock", "backup", held=False)
    assert taken(house, other, Lease("lock", "backup", TWO))


def test_a_lock_takes_a_name_and_an_owner(house: House) -> None:
    """The second is told who has it; and an owner bounds how many one takes."""
    for peer in (watch(house), post(house, "ci", None)):
        refusal = answer(house, peer, LOCK)
        assert isinstance(refusal, Error)
        assert refusal.code == "forbidden"


def test_who_comes_back_under_another_name_has_it_under_that_one(house: House) -> None:
    """The old name is nobody's: a whisper to it would go nowhere."""
    ci, other = post(house, "ci"), post(house, "other", BOB)
    assert taken(house, ci, LOCK)
    ci.lose()
    back = post(house, "ci2")
    assert answer(house, back, LOCK) == LeaseState("lock", "backup", held=True, nick="ci2", since=1000.0)
    assert answer(house, other, Lease("lock", "backup", TWO)) == LeaseState(
        "lock", "backup", held=False, nick="ci2", since=1000.0
    )


def test_a_question_that_is_taken_again_by_a_watcher_keeps_its_askers_name(house: House) -> None:
    assert taken(house, post(house, "ci"), QUESTION)
    state = answer(house, watch(house), QUESTION)
    assert isinstance(state, LeaseState)
    assert (state.held, state.nick) == (True, "ci")


def test_another_room_has_locks_of_its_own(house: House) -> None:
    assert taken(house, post(house, "ci"), LOCK)
    assert taken(house, house.join("ci2", BOB, mode="post", room="ops"), Lease("lock", "backup", TWO))


def test_a_member_that_is_renamed_has_it_under_the_new_name(house: House) -> None:
    ana, other = house.join("ana", ANA), post(house, "ci2", BOB)
    assert taken(house, ana, LOCK)
    ana.say(p.Nick("anna"))
    house.settle()
    state = answer(house, other, Lease("lock", "backup", TWO))
    assert isinstance(state, LeaseState)
    assert state.nick == "anna"


@pytest.mark.parametrize("verb", ["kick", "ban"])
def test_who_is_sent_away_has_nothing_any_more(house: House, verb: str) -> None:
    """So an operator frees a lock."""
    ana, other = house.join("ana", ANA), post(house, "ci2", BOB)
    assert taken(house, ana, LOCK)
    order(house, "console", verb, "ana", room="lobby")
    assert taken(house, other, Lease("lock", "backup", TWO))


def test_who_is_muted_and_a_room_that_is_read_only_may_lock(house: House) -> None:
    """A lock is no speech: nobody is told of it."""
    ana = house.join("ana", ANA)
    order(house, "console", "mute", "ana", room="lobby")
    order(house, "console", "read-only", "", room="lobby")
    assert taken(house, ana, LOCK)


# --- the journal


@OF_ONE
def test_nothing_is_granted_before_it_is_kept() -> None:
    """After a restart it would be somebody else's."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci, other = post(house, "ci"), post(house, "ci2", BOB)
    journal.at_once = False
    ci.take()
    ci.say(LOCK)
    house.settle()
    assert only(LeaseState, ci.take()) == []
    assert not taken(house, other, Lease("lock", "backup", TWO)), "two are not promised one lease"
    journal.fail()
    house.settle()
    (refusal,) = only(Error, ci.take())
    assert refusal.code == "storage"
    journal.at_once = True
    assert taken(house, other, Lease("lock", "backup", TWO))


@pytest.mark.parametrize("do", ["release", "withdraw"])
def test_a_release_is_answered_when_it_is_kept(do: Literal["release", "withdraw"]) -> None:
    """Whoever waits for the answer may start the next one at another server."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    journal.at_once = False
    ci.say(Lease("lock", "backup", ONE, do))
    house.settle()
    assert only(LeaseState, ci.take()) == []
    journal.commit()
    house.settle()
    assert only(LeaseState, ci.take()) == [LeaseState("lock", "backup", held=False)]


@OF_ONE
def test_a_release_that_another_server_was_faster_than_is_made_once_more() -> None:
    """What that one has kept is known by then: that the connection was lost, say, of one who comes back here."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    [(key, kept)] = journal.kept.items()
    journal.at_once = False
    ci.say(Lease("lock", "backup", ONE, "release"))
    house.settle()
    house.hub.learn({key: kept})
    journal.waiting.pop(0)[1](ChangedMeanwhile("another server has changed it meanwhile"))
    journal.commit()
    house.settle()
    assert journal.kept == {key: None}
    assert only(LeaseState, ci.take()) == [LeaseState("lock", "backup", held=False)]


def test_it_outlives_a_restart_of_the_server() -> None:
    journal = KeepingJournal()
    house = House(journal=journal)
    assert taken(house, post(house, "ci"), LOCK)
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    again = House(leases=Leases(facts, now=1000.0, wall=1000.0))
    assert not taken(again, post(again, "ci2", BOB), Lease("lock", "backup", TWO))
    assert taken(again, post(again, "ci"), LOCK)


def test_connections_that_the_server_itself_ends_are_not_lost() -> None:
    """It may be down for longer than a lease is kept: nobody else can have had it meanwhile."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    for hub in house.hubs:
        hub.leasing.stopping()
    ci.lose()
    house.settle()
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    assert Leases(facts, now=0.0, wall=99_999.0).expired(LEASE_SECONDS - 1)[0] == []


def test_a_lock_that_is_released_while_its_other_connection_is_lost_is_free(servers: TwoServers) -> None:
    """Both servers change it: that it was released counts."""
    first = post(servers.one, "ci").say(LOCK)
    servers.settle()
    again = post(servers.two, "ci")
    servers.settle()
    directory_of(servers.two).stopped = True
    first.lose()
    servers.settle()
    again.say(Lease("lock", "backup", ONE, "release"))
    servers.settle()
    directory_of(servers.two).stopped = False
    directory_of(servers.two).read()
    servers.settle()
    assert [list(house.hub.leasing.leases) for house in servers.houses] == [[], []]
    assert servers.engine.facts["lease", "lobby lock backup"] is None


def test_a_lock_that_is_over_at_one_server_while_it_is_taken_again_at_another_is_kept(servers: TwoServers) -> None:
    post(servers.one, "ci").say(LOCK).lose()
    servers.settle()
    again = post(servers.two, "ci")
    servers.settle()
    directory_of(servers.one).stopped = True
    again.say(LOCK)
    servers.settle()
    servers.pass_time(LEASE_SECONDS)
    servers.one.hub.leasing.expire()
    directory_of(servers.one).stopped = False
    directory_of(servers.one).read()
    servers.settle()
    assert [len(list(house.hub.leasing.leases)) for house in servers.houses] == [1, 1]
    assert again.room is not None
    assert servers.two.hub.leasing.leases.holds(again)


def test_a_lock_that_is_withdrawn_is_released(house: House) -> None:
    nadia, ci = house.join("nadia", BOB), post(house, "ci")
    assert taken(house, ci, LOCK)
    nadia.take()
    assert answer(house, ci, Lease("lock", "backup", ONE, "withdraw")) == LeaseState("lock", "backup", held=False)
    assert notices(nadia) == []
