"""Operators and leases: what is listed, what ends one, who is told, and what a ban does to them."""

from __future__ import annotations

from typing import Any

import pytest

from chatctl import protocol as p
from chatctl.common.verbs import Role
from chatctl.core.admission import Admission
from chatctl.errors import Forbidden, RoomInvalid
from chatctl.protocol import LEASE_SECONDS, Done, Lease, LeaseKind, LeaseState, Notice, Say
from tests.support.fakes import FakePeer, House, KeepingJournal, only, order
from tests.support.two_servers import TwoServers

ANA, BOB, NADIA = "a" * 32, "b" * 32, "c" * 32
ONE, TWO = "1" * 32, "2" * 32


@pytest.fixture
def house() -> House:
    return House(journal=KeepingJournal(), admission=Admission("test", ["ops"]))


def lock(house: House, nick: str = "ci", token: str = ANA, holder: str = ONE, room: str = "lobby") -> FakePeer:
    """Have a run take the lock ``backup``; give its connection."""
    peer = house.join(nick, token, mode="post", room=room)
    return took(house, peer, Lease("lock", "backup", holder))


def ask(house: House, name: str = "a3", nick: str = "deploy", token: str = BOB) -> FakePeer:
    """Have a question asked; give the connection that watches."""
    asker = took(house, house.join("", token, mode="watch"), Lease("question", name, TWO))
    house.join(nick, token, mode="post").say(Say(f"[{name}] go?", id="q", asks=name), p.Bye())
    house.settle()
    asker.take()
    return asker


def took(house: House, peer: FakePeer, lease: Lease) -> FakePeer:
    peer.take()
    peer.say(lease)
    house.settle()
    assert only(LeaseState, peer.take())[0].held
    return peer


def done(outcome: object) -> Done:
    assert isinstance(outcome, Done), outcome
    return outcome


def rows(house: House, role: Role = "console", **more: Any) -> list[dict[str, Any]]:
    return done(order(house, role, "locks", "", **more)).rows


def notices(peer: FakePeer) -> list[str]:
    return [notice.text for notice in only(Notice, peer.take())]


# --- what is listed


def test_who_has_which_lock_and_which_questions_are_open(house: House) -> None:
    lock(house)
    house.pass_time(5)
    ask(house)
    took(house, house.join("", NADIA, mode="watch"), Lease("question", "b4", ONE))  # not asked yet
    told = done(order(house, "console", "locks", ""))
    assert told.text == "1 lock, 1 question"
    assert told.rows == [
        {"kind": "lock", "name": "backup", "room": "lobby", "nick": "ci", "since": 1000.0, "address": "192.0.2.7"},
        {"kind": "question", "name": "a3", "room": "lobby", "nick": "deploy", "since": 1005.0, "address": "192.0.2.7"},
    ]


def test_one_that_is_kept_for_its_holder_says_until_when(house: House) -> None:
    lock(house).lose()
    house.settle()
    house.pass_time(10)
    [row] = rows(house)
    assert (row["until"], "address" in row) == (1000.0 + LEASE_SECONDS, False)
    house.pass_time(LEASE_SECONDS)
    assert done(order(house, "console", "locks", "")).text == "no locks, no open questions"


def test_the_rooms_are_apart(house: House) -> None:
    """The console sees all, or the one that it names; an operator in a room sees that one, and no address."""
    lock(house)
    lock(house, "ci2", NADIA, TWO, room="ops")
    assert [row["room"] for row in rows(house)] == ["lobby", "ops"]
    assert [row["room"] for row in rows(house, room="ops")] == ["ops"]
    [row] = rows(house, "operator")
    assert (row["room"], "address" in row) == ("lobby", False)


def test_nothing_that_a_lease_is_taken_with_is_shown(house: House) -> None:
    lock(house)
    assert not any(secret in str(rows(house)) for secret in (ANA, ONE, "token", "holder"))


def test_a_question_that_is_over_is_not_listed(house: House) -> None:
    asker = ask(house)
    asker.say(Lease("question", "a3", TWO, "release"))
    house.settle()
    assert rows(house) == []


# --- freeing one


def test_a_lock_is_freed_and_everybody_is_told(house: House) -> None:
    """The holder, the room, the log, and whoever ordered it."""
    holder, nadia = lock(house), house.join("nadia", NADIA)
    told = done(order(house, "operator", "unlock", "backup", text="stuck"))
    assert told.text == "the lock backup of ci was freed by nadia: stuck"
    assert [row["nick"] for row in told.rows] == ["ci"]
    assert notices(nadia) == [told.text]
    assert only(LeaseState, holder.take()) == [LeaseState("lock", "backup", held=False, why="nadia freed it: stuck")]
    assert "verb=unlock by=nadia target=backup" in house.logged.getvalue()
    [row] = done(order(house, "console", "log", "")).rows
    assert (row["verb"], row["target"], row["room"], row["done"]) == ("unlock", "backup", "lobby", told.text)
    took(house, house.join("ci2", BOB, mode="post"), Lease("lock", "backup", TWO))
    assert house.journal.kept["lease", "lobby lock backup"] is not None  # type: ignore[attr-defined]


def test_the_order_does_not_survive_in_the_journal_as_a_lock(house: House) -> None:
    lock(house)
    done(order(house, "console", "unlock", "backup"))
    assert house.journal.kept["lease", "lobby lock backup"] is None  # type: ignore[attr-defined]


def test_one_that_is_kept_for_its_holder_is_freed_too(house: House) -> None:
    lock(house).lose()
    house.settle()
    assert done(order(house, "console", "unlock", "backup")).rows == []
    took(house, house.join("ci2", BOB, mode="post"), Lease("lock", "backup", TWO))


def test_a_question_is_withdrawn_and_its_asker_told(house: House) -> None:
    asker, nadia = ask(house), house.join("nadia", NADIA)
    told = done(order(house, "console", "unlock", "a3"))
    assert notices(nadia) == [told.text] == ["question a3 of deploy was withdrawn"]
    [state] = only(LeaseState, asker.take())
    assert (state.held, state.why) == (False, "an operator ended it")
    nadia.say(Say("a3 yes"))
    house.settle()
    assert notices(nadia) == ["question a3 is closed: your answer does not count"]


def test_a_lock_goes_before_a_question_of_that_name(house: House) -> None:
    ask(house, "backup")
    lock(house)
    kinds = [done(order(house, "console", "unlock", "backup")).text.split()[0] for _ in range(2)]
    assert kinds == ["the", "question"]


@pytest.mark.parametrize("where", [{"room": "ops"}, {}], ids=["another room", "nothing there"])
def test_what_is_not_there(house: House, where: dict[str, str]) -> None:
    if where:
        lock(house)
    error = order(house, "console", "unlock", "backup", **where)
    assert isinstance(error, Forbidden)
    room = where.get("room", "lobby")
    assert error.text == f"there is no lock or open question 'backup' in {room}: 'locks' lists them"


@pytest.mark.parametrize("verb", ["locks", "unlock"])
def test_a_room_that_is_not_there_is_no_room_without_locks(house: House, verb: str) -> None:
    """A mistyped name would look as if nothing was held."""
    error = order(house, "console", verb, "backup", room="nosuch")
    assert isinstance(error, RoomInvalid)
    assert error.text == "there is no room 'nosuch'"
    assert done(order(house, "console", "locks", "", room="ops")).rows == []


def test_an_operator_frees_in_their_own_room_alone(house: House) -> None:
    lock(house, room="ops")
    assert isinstance(order(house, "operator", "unlock", "backup", room="ops"), Forbidden)
    assert rows(house, room="ops")


def test_what_it_would_do(house: House) -> None:
    holder = lock(house)
    told = done(order(house, "console", "?unlock", "backup"))
    assert told.text == "nothing was done, it would be: the lock backup of ci was freed"
    assert holder.take() == []
    assert rows(house)


def test_it_works_where_nothing_can_be_kept(house: House) -> None:
    """The disk is full, and that is why somebody looks at the jobs."""
    lock(house)
    house.journal.at_once = False  # type: ignore[attr-defined]
    done(order(house, "console", "unlock", "backup"))
    while house.journal.waiting:  # type: ignore[attr-defined]
        house.journal.fail()  # type: ignore[attr-defined]
    assert rows(house) == []


# --- bans


@pytest.mark.parametrize("person", [False, True], ids=["name", "person"])
def test_a_ban_frees_what_is_kept_for_who_is_away(house: House, person: bool) -> None:
    """They can't come back for it; the next run need not wait for that."""
    lock(house).lose()
    if person:
        house.join("ci", ANA)
    house.settle()
    done(order(house, "console", "ban", "ci", person=person))
    assert rows(house) == []


def test_a_ban_of_who_asks_withdraws_the_question(house: House) -> None:
    """Its connection watches, under no name: the ban of a name does not end it."""
    asker, nadia = ask(house), house.join("nadia", NADIA)
    done(order(house, "console", "ban", "deploy"))
    assert "question a3 is withdrawn: deploy was sent away" in notices(nadia)
    assert [state.why for state in only(LeaseState, asker.take())] == ["its holder was banned"]


def test_a_ban_of_another_frees_nothing(house: House) -> None:
    lock(house).lose()
    house.settle()
    done(order(house, "console", "ban", "rajat"))
    done(order(house, "console", "ban", "198.51.100.7"))
    done(order(house, "console", "mute", "ci"))
    assert rows(house)


def test_a_kick_of_a_member_leaves_the_locks_of_their_scripts(house: House) -> None:
    """It ends the connections of that name, and what those hold."""
    lock(house)
    house.join("ana", ANA)
    done(order(house, "console", "kick", "ana"))
    assert rows(house)
    done(order(house, "console", "kick", "ci"))
    assert rows(house) == []


@pytest.mark.parametrize("kind", ["lock", "question"])
@pytest.mark.parametrize("at", ["one", "two"])
def test_the_holder_of_what_an_operator_ends_is_told_why_wherever_it_is(
    servers: TwoServers, kind: LeaseKind, at: str
) -> None:
    house = getattr(servers, at)
    holder = ask(house, "backup", nick="ci") if kind == "question" else lock(house)
    servers.settle()
    done(order(servers.one, "console", "unlock", "backup", settle=servers.settle, text="stuck"))
    servers.settle()
    [lost] = only(LeaseState, holder.take())
    assert lost.why == f"an operator {'freed' if kind == 'lock' else 'ended'} it: stuck"
    if kind == "lock":
        servers.pass_time(1)
        again = lock(house)
        servers.settle()
        house.hub.learn({("lease", "lobby lock backup"): None})
        servers.settle()
        [lost] = only(LeaseState, again.take())
        assert lost.why == "the server's journal has it no more", "that was not the operator"
