"""Whom an operator means, and how it is told whom an order hits, before and after."""

from __future__ import annotations

import pytest

from chatctl import protocol as p
from chatctl.common.fingerprints import shown
from chatctl.errors import Forbidden
from chatctl.hub.admin_people import MAX_SHOWN, others_in, persons
from tests.support.fakes import FakePeer, House, done, only, order
from tests.support.key_holders import OTHER, OWNER

ONE, TWO = "a" * 32, "b" * 32


def two_of_one_name(house: House) -> tuple[FakePeer, FakePeer]:
    """Return two posters of one name, who are two people: members are told apart when they come in."""
    return house.join("Ana", ONE, mode="post"), house.join("Ana", TWO, mode="post", room="ops")


@pytest.mark.parametrize("verb", ["kick", "ban", "mute", "op"])
def test_a_name_of_two_people_is_refused_with_who_they_are(house: House, verb: str) -> None:
    first, second = two_of_one_name(house)
    error = order(house, "console", verb, "Ana")
    assert isinstance(error, Forbidden)
    assert "Ana is 2 people here, in lobby (no key, 192.0.2.7), in ops (no key, 192.0.2.7): " in error.text
    assert "--room" in error.text
    assert (first.leaving, second.leaving) == (None, None)


@pytest.mark.parametrize("verb", ["kick", "ban"])
def test_the_room_tells_which(house: House, verb: str) -> None:
    """A ban is then of the person: the name is somebody else's, too. It can be lifted by the name."""
    first, second = two_of_one_name(house)
    told = done(order(house, "console", verb, "Ana", room="ops"))
    assert [row["room"] for row in told.rows] == ["ops"]
    assert (first.leaving is not None, second.leaving is not None) == (False, True)
    if verb == "ban":
        assert only(p.Error, house.join("Else", TWO).frames)
        assert only(p.Welcome, house.join("Ana", ONE, mode="post").frames)
        done(order(house, "console", "unban", "Ana"))
        assert only(p.Welcome, house.join("Else", TWO).frames)


def test_operators_in_the_room_are_told_no_address(house: House) -> None:
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    OWNER.join(house, "chief")
    for token in (ONE, TWO):
        house.join("Ana", token, mode="post")
    error = order(house, "operator", "kick", "Ana")
    assert isinstance(error, Forbidden)
    assert "in lobby (no key), in lobby (no key): " in error.text
    assert "192.0.2.7" not in error.text


def test_connections_of_one_key_or_client_are_one_person(house: House) -> None:
    peers = [house.join("a", ONE), OTHER.join(house, "b"), house.join("c", ONE, room="ops"), house.join("d")]
    peers.append(OTHER.join(house, "e", room="ops"))
    assert [[peer.session.nick for peer in group] for group in persons(peers)] == [["a", "c"], ["b", "e"], ["d"]]


# --- before it is done


@pytest.mark.parametrize("verb", ["kick", "ban", "mute", "unban", "op", "deop", "unclaim", "topic", "read-only"])
def test_a_dry_run_tells_the_same_and_does_nothing(house: House, verb: str) -> None:
    rajat = OTHER.join(house, "Rajat")
    for first in {"unban": ["ban"], "deop": ["op"]}.get(verb, []):
        done(order(house, "console", first, "name:Rajat" if first == "ban" else "Rajat"))
        rajat = OTHER.join(house, "Rajat") if first == "op" else rajat
    rajat.take()
    kept = dict(house.journal.kept)  # type: ignore[attr-defined]
    target = "" if verb in ("topic", "read-only") else "Rajat"
    before = done(order(house, "console", f"?{verb}", target))
    assert house.journal.kept == kept  # type: ignore[attr-defined]
    assert only(p.Notice, rajat.take()) == []
    after = done(order(house, "console", verb, target))
    assert before.text == f"nothing was done, it would be: {after.text}"
    assert (before.rows, before.verb) == (after.rows, f"?{verb}")


def test_of_what_hits_nobody_there_is_nothing_to_try(house: House) -> None:
    house.hub.admin.outside["drain"] = lambda _: pytest.fail("done")
    for verb in ("?drain", "?reload", "?bans"):
        assert isinstance(order(house, "console", verb, ""), Forbidden)


# --- keys


@pytest.mark.parametrize("verb", ["op", "ban", "mute", "deop", "unban"])
@pytest.mark.parametrize("key", ["SHA256:xx", "SHA256:", "SHA256:" + 44 * "A", "sha256:junk"])
def test_what_is_no_fingerprint_is_refused(house: House, verb: str, key: str) -> None:
    error = order(house, "console", verb, key)
    assert isinstance(error, Forbidden)
    assert "is not a fingerprint" in error.text


def test_one_that_an_earlier_version_kept_can_be_lifted(house: House) -> None:
    house.hub.rules.appointed.add("SHA256:xx")
    done(order(house, "console", "deop", "SHA256:xx"))
    assert not house.hub.rules.appointed


def test_the_key_that_was_appointed_is_shown(house: House) -> None:
    OTHER.join(house, "Rajat")
    assert done(order(house, "console", "op", "Rajat")).text == f"Rajat ({OTHER.fingerprint}) is an operator"
    key = shown(bytes(32))
    assert done(order(house, "console", "op", key)).text == f"{key} is an operator"


def test_who_has_the_name_without_its_key_is_not_appointed(house: House) -> None:
    """The name is bound to one key, and somebody under it has proved another: as old claims may have it."""
    OTHER.join(house, "Rajat")
    claim = next(iter(house.hub.names.claims))
    house.hub.names.claims.drop(claim)
    OWNER.join(house, "x")
    house.hub.names.claims.add(type(claim)("Rajat", OWNER.fingerprint, 0.0))
    error = order(house, "console", "op", "Rajat")
    assert isinstance(error, Forbidden)
    assert "more than one key" in error.text


# --- how much is told


def test_of_many_the_number_is_told(house: House) -> None:
    for number in range(MAX_SHOWN + 3):
        house.join(f"n{number}", ONE, mode="post" if number else "join")
    told = done(order(house, "console", "ban", "n0", person=True))
    assert len(told.rows) == MAX_SHOWN
    assert "3 more are not listed" in told.text


def test_a_room_is_told_so_many_names(house: House) -> None:
    peers = [house.join(f"n{number}") for number in range(13)]
    room = peers[0].room
    assert room is not None
    assert others_in(room, "n0", peers).endswith("n10 and 2 more, too)")
    assert others_in(room, "n0", peers[:1]) == ""
