"""hub/admin_sanctions.py: whom a ban hits, and who hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from chatctl import protocol as p
from chatctl.core.auth import ConnectionInfo
from chatctl.errors import ChatError, Forbidden
from chatctl.hub.admin_target import Actor
from tests.hub.conftest import OF_ONE
from tests.support.fakes import House, KeepingJournal, done, only, order

ONE, TWO = "a" * 32, "b" * 32


@OF_ONE
def test_who_has_a_name_of_others_and_nothing_else_can_be_banned_by_address(house: House) -> None:
    """He posts, and an accomplice posts under the same name elsewhere: the name is then no target."""
    first, second = house.join("Ana", mode="post"), house.join("Ana", TWO, mode="post", room="ops")
    second.info = ConnectionInfo("192.0.2.8")
    error = order(house, "console", "ban", "Ana", room="lobby")
    assert isinstance(error, Forbidden)
    assert "others have it in another room: ban the address, too" in error.text
    done(order(house, "console", "ban", "Ana", room="lobby", address=True))
    assert (first.leaving is not None, second.leaving is not None) == (True, False)


@pytest.mark.parametrize("person", [False, True])
def test_a_name_alone_bans_the_name_and_a_person_all_that_is_theirs(house: House, person: bool) -> None:
    """Two people may share an account, and with it the client's token."""
    peers = [house.join("Rajat", ONE), house.join("Rajat2", ONE, room="ops")]
    told = done(order(house, "console", "ban", "Rajat", person=person))
    assert [peer.leaving is not None for peer in peers] == [True, person]
    assert sorted(row["nick"] for row in told.rows) == ["Rajat", "Rajat2"][: 1 + person]
    assert ("the name alone" in told.text) is not person


def test_every_room_hears_of_all_who_go(house: House) -> None:
    house.join("Rajat", ONE)
    house.join("Rajat2", ONE, room="ops")
    watchers = [house.join("Ana", TWO), house.join("Omar", TWO, room="ops")]
    done(order(house, "console", "ban", "Rajat", person=True))
    heard = [[notice.text for notice in only(p.Notice, peer.frames)] for peer in watchers]
    assert heard == [["Rajat was banned"], ["Rajat was banned (Rajat2, too)"]]


def test_a_ban_that_hits_nobody_says_so(house: House) -> None:
    told = done(order(house, "console", "ban", "Nobody"))
    assert (told.text, told.rows) == ("Nobody was banned; it matches no member that is connected now", [])


@pytest.mark.parametrize("target", ["Rajat", "192.0.2.7"])
def test_who_comes_back_while_a_ban_is_being_committed_is_hit_as_well(house: House, target: str) -> None:
    journal = house.journal
    assert isinstance(journal, KeepingJournal)
    house.join("Rajat", ONE)
    journal.at_once, outcomes = False, list[p.Done | ChatError]()
    house.hub.admin.carry_out(p.Admin("ban", target), Actor("console"), outcomes.append)
    again = house.join("Rajat", ONE)
    assert only(p.Welcome, again.frames)  # it holds once it is committed
    journal.commit()
    house.settle()
    assert again.leaving is not None
    assert again.closed
    assert done(outcomes[0]).rows[-1] == {"nick": "Rajat", "room": "lobby", "address": "192.0.2.7"}


@OF_ONE
def test_who_is_renamed_into_it_meanwhile_is_hit_once(house: House) -> None:
    journal = house.journal
    assert isinstance(journal, KeepingJournal)
    peers = [house.join("Rajat", ONE), house.join("Ana", TWO)]
    journal.at_once, outcomes = False, list[p.Done | ChatError]()
    house.hub.admin.carry_out(p.Admin("ban", "Rajat"), Actor("console"), outcomes.append)
    for peer, nick in zip(peers, ("Omar", "Rajat"), strict=True):
        peer.say(p.Nick(nick))
        house.settle()
    journal.commit()
    house.settle()
    assert [peer.leaving is not None for peer in peers] == [True, True]
    assert [row["nick"] for row in done(outcomes[0]).rows] == ["Omar", "Rajat"]


def test_one_whose_name_is_banned_before_it_is_committed_is_disconnected(house: House) -> None:
    ana = house.join("Ana", TWO)
    ana.say(p.Nick("Rajat"))
    assert done(order(house, "console", "ban", "Rajat"))
    house.settle()
    assert ana.closed
    why = only(p.Bye, ana.frames)[0].why  # as a member; or when the name is asked for, if that comes later
    assert any(told in why for told in ("you are banned", "you were banned", "Rajat is banned"))
    assert only(p.Error, house.join("Rajat", TWO).frames)


@OF_ONE
def test_who_is_hit_by_name_alone_is_told_how_to_mean_the_person(house: House) -> None:
    """In the words of where the order was typed, and of what it was."""
    house.join("Rajat", ONE)
    muted = "Rajat was muted; the name alone: with another one they may send (--person: by key and client)"
    assert done(order(house, "console", "mute", "Rajat")).text == muted
    banned = done(order(house, "operator", "ban", "Rajat", room="lobby")).text
    assert banned.endswith("with another one they may come back (/ban-person: by key and client)")


@OF_ONE
def test_a_mute_of_one_of_whom_the_name_is_known_alone_names_no_ban(house: House) -> None:
    house.join("nc").info = ConnectionInfo("")
    error = order(house, "console", "mute", "nc", person=True)
    assert isinstance(error, Forbidden)
    assert error.text == "nothing but the name is known of nc: mute the name alone"


@OF_ONE
@pytest.mark.parametrize(
    ("more", "why"), [({"person": True}, "nothing but the name"), ({"address": True}, "no address")]
)
def test_what_is_not_known_of_somebody_is_not_banned(house: House, more: dict[str, Any], why: str) -> None:
    house.join("nc").info = ConnectionInfo("")
    error = order(house, "console", "ban", "nc", **more)
    assert isinstance(error, Forbidden)
    assert why in error.text
    assert len(house.hub.rules.bans) == 0
