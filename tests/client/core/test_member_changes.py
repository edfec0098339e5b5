"""Who came and went, out of frames and rosters: each change once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl import protocol
from chatctl.client.core.events import Join, Leave, Rename
from chatctl.client.core.member_changes import AWAY, MemberChanges
from chatctl.protocol import ServerFrame


def here(*nicks: str) -> MemberChanges:
    changes = MemberChanges()
    assert list(changes.compare(nicks)) == []
    return changes


def test_each_frame_is_told_member_by_member() -> None:
    changes = here("ci")
    assert list(changes.note(protocol.Join(["a", "b"], 3))) == [Join("a", 2), Join("b", 3)]
    assert list(changes.note(protocol.Leave(["a"], 2, "bye"))) == [Leave("a", 2, "bye")]
    assert list(changes.note(protocol.Rename("b", "B"))) == [Rename("b", "B")]
    assert changes.count == 2


def test_what_the_roster_has_told_is_not_told_again() -> None:
    changes = here("ci", "a")
    assert list(changes.note(protocol.Join(["a"], 2))) == []
    assert list(changes.note(protocol.Leave(["x"], 2))) == []
    assert list(changes.note(protocol.Rename("x", "y"))) == []


def test_before_the_first_roster_nothing_is_told() -> None:
    changes = MemberChanges()
    assert list(changes.note(protocol.Join(["a"], 2))) == []
    assert not changes.misses(protocol.Join(["a"], 2))


def test_the_changes_of_an_absence_are_found() -> None:
    changes = here("ci", "a", "b")
    assert list(changes.compare(["ci", "b", "c"])) == [Leave("a", 2, AWAY), Join("c", 3)]


def test_a_count_that_differs_means_that_some_were_missed() -> None:
    changes = here("ci")
    frame = protocol.Join(["a"], 5)
    list(changes.note(frame))
    assert changes.misses(frame)
    assert not changes.misses(protocol.Join(["b"], 6)), "it is asked for once"
    rows = [protocol.RosterRow(nick, 1.0, 0.0) for nick in ("ci", "a", "b")]
    assert list(changes.note(protocol.Roster(rows, 3, 0))) == [Join("b", 3)]
    assert changes.misses(protocol.Join(["c"], 7))
    list(changes.compare(["ci", "a"]))
    assert not changes.misses(protocol.Join(["a"], 2))
    assert not changes.misses(protocol.Ping())


def test_the_frames_of_one_turn_lead_to_its_count_together() -> None:
    """A roster of a large room is a megabyte: it is not asked for in each turn in which some come and others go."""
    changes = here("ci", "a")
    frames = [
        protocol.Leave(["a"], 2),
        protocol.Join(["b", "brief"], 2),
        protocol.Rename("b", "c"),
        protocol.Leave(["brief"], 2),
        protocol.Ping(),
    ]
    for frame in frames:
        list(changes.note(frame))
        assert not changes.misses(frame), frame


@pytest.mark.parametrize("frame", [protocol.Leave(["a"], 5), protocol.Join(["b"], 1)])
def test_a_turn_that_does_not_lead_to_its_count_is_judged_when_something_else_comes(frame: ServerFrame) -> None:
    changes = here("ci", "a")
    list(changes.note(frame))
    assert not changes.misses(frame)
    assert changes.misses(protocol.Pong(last=1))
    assert not changes.misses(protocol.Pong(last=1)), "it is asked for once"


def test_a_roster_settles_what_was_to_be_judged() -> None:
    changes = here("ci", "a")
    list(changes.note(protocol.Leave(["a"], 5)))
    changes.misses(protocol.Leave(["a"], 5))
    list(changes.compare(["ci"]))
    assert not changes.misses(protocol.Ping())


@given(st.lists(st.sets(st.sampled_from("abcdef"))))
def test_the_changes_lead_from_each_roster_to_the_next(rosters: list[set[str]]) -> None:
    changes, known = MemberChanges(), set[str]()
    for number, roster in enumerate(rosters):
        for change in changes.compare(sorted(roster)):
            assert isinstance(change, Join | Leave)
            (known.add if isinstance(change, Join) else known.remove)(change.nick)
            assert change.count == len(known)
        known = set(roster) if number == 0 else known
        assert known == roster
