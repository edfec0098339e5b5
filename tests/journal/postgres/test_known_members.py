"""What one server knows of the others' members: its own are no news to it."""

from __future__ import annotations

from chatctl.directory import Came, Given, Place, Remote, Renamed, Went, Wish
from chatctl.journal.postgres.known_members import KnownMembers
from chatctl.journal.postgres.presence import Snapshot


def place(server: str, number: int) -> Place:
    return Place(server, number)


def remote(server: str, number: int, nick: str = "nadia") -> Remote:
    return Remote(place(server, number), "lobby", nick)


def known(*members: Remote) -> KnownMembers:
    return KnownMembers("me", Snapshot(5, {one.place.number: one for one in members}))


def given(one: KnownMembers, number: int, before: Place | None = None) -> None:
    wish = Wish("nick", "nick", frozenset(), frozenset(), "lobby", before)
    one.judged([wish], [Given(place("me", number))])


def test_own_changes_are_not_told_and_others_are() -> None:
    one = known(remote("you", 1))
    assert not one.take(6, "me", Came(remote("me", 2)))
    assert not one.take(7, "me", Renamed(place("you", 1), remote("me", 3)))
    assert one.remotes() == []
    assert one.take(8, "you", Renamed(place("me", 3), remote("you", 4)))
    assert one.take(9, "you", Went(place("you", 4), 3))
    assert (one.remotes(), one.last) == ([], 9)


def test_a_sweep_of_this_server_is_told_as_a_whole() -> None:
    one = known()
    given(one, 2)
    given(one, 3, place("me", 2))
    given(one, 4)
    one.lose_own([place("me", 4)])
    assert not one.take(6, "", Went(place("me", 3)))
    assert one.begin_anew("me again") == [place("me", 3)]
    assert one.begin_anew("once more") == []
    assert not one.take(7, "me again", Came(remote("me again", 5)))
    assert one.take(8, "", Went(place("you", 5)))


def test_what_it_has_given_up_is_not_its_own_any_more() -> None:
    """Also if the engine's answer was lost."""
    one = known()
    given(one, 2)
    given(one, 3)
    assert not one.take(6, "me", Went(place("me", 2)))
    assert one.begin_anew("me again") == [place("me", 3)]


def test_what_another_one_took_over_is_not_its_own_any_more() -> None:
    one = known()
    given(one, 2)
    one.take(6, "you", Renamed(place("me", 2), remote("you", 3)))
    assert one.begin_anew("me again") == []


def test_a_snapshot_is_told_as_what_it_has_that_was_not_known() -> None:
    one = known(remote("you", 1), remote("they", 2))
    given(one, 3)
    there = Snapshot(9, {2: remote("they", 2), 4: remote("you", 4), 3: remote("me", 3)})
    assert one.level(there) == [Went(place("you", 1)), Came(remote("you", 4))]
    assert one.level(there) == []
    assert (one.last, one.has_own(there)) == (9, True)
    assert not one.has_own(Snapshot(9, {}))
    given_up = {5: remote("me", 5)}
    assert not one.has_own(Snapshot(9, there.members | given_up)), "the engine has lost that it was"
    assert one.has_own(Snapshot(9, there.members | given_up), exactly=False)
