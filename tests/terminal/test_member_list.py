"""Who is here: joins and leaves are told in few lines, and not at all where nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from chatctl.terminal.member_list import COALESCE_SECONDS, RETURN_SECONDS, MemberList


class FakeRenderer:
    def presence(self, joined: list[str], left: list[str], count: int) -> str:
        return f"+{','.join(joined)} -{','.join(left)} ={count}"


class FakeLoop:
    def __init__(self) -> None:
        self.due: list[Any] = []
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Any) -> object:
        assert delay == COALESCE_SECONDS
        self.due.append(callback)
        return callback

    def ring(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


class Room:
    """A list of members on a loop that is turned by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = FakeLoop()
        self.shown: list[str] = []
        monkeypatch.setattr("asyncio.get_running_loop", lambda: self.loop)
        renderer: Any = FakeRenderer()
        self.members = MemberList(renderer, self.shown.extend)

    def took(self) -> list[str]:
        shown, self.shown[:] = list(self.shown), []
        return shown


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(monkeypatch)


def test_the_first_is_told_at_once_and_those_after_it_together(room: Room) -> None:
    room.members.joined(["Ana"], 1)
    assert room.took() == ["+Ana - =1"]
    room.members.joined(["Bea"], 2)
    room.members.left(["Ana"], 1)
    assert room.took() == []
    room.loop.ring()
    assert room.took() == ["+Bea -Ana =1"]
    room.members.joined(["Dee"], 2)
    assert room.took() == [], "nor is the next one told within a second of that"
    room.members.left(["Dee"], 1)
    room.loop.ring()
    assert room.loop.due == [], "where nothing happens no timer runs"
    room.members.joined(["Cyd"], 2)
    assert room.took() == ["+Cyd - =2"], "after a quiet second the next one is told at once"


def test_who_comes_and_goes_in_a_moment_is_not_told(room: Room) -> None:
    room.members.joined(["Ana"], 1)
    room.took()
    room.members.joined(["Bea"], 2)
    room.members.left(["Bea"], 1)
    room.members.left(["Ana"], 0)
    room.members.joined(["Ana"], 1)
    room.loop.ring()
    assert room.took() == []


def test_who_is_known_already_is_not_told_again(room: Room) -> None:
    """The list of the welcome and the news of it overlap."""
    room.members.reset(["Ana"], 1)
    room.members.joined(["ANA", "Bea"], 2)
    assert room.took() == ["+Bea - =2"]
    assert sorted(room.members.nicks()) == ["ANA", "Bea"]


def test_who_speaks_is_told_before(room: Room) -> None:
    room.members.joined(["Ana"], 1)
    room.members.joined(["Bea"], 2)
    room.took()
    room.members.before_message("Ana")
    assert room.took() == []
    room.members.before_message("Bea")
    assert room.took() == ["+Bea - =2"]


def test_a_new_name_replaces_the_old_one(room: Room) -> None:
    room.members.reset(["Ana", "Bea"], 2)
    room.members.renamed("ana", "Anna")
    room.members.renamed("nobody", "Cyd")
    assert sorted(room.members.nicks()) == ["Anna", "Bea", "Cyd"]
    assert room.took() == []


def test_who_comes_back_after_us_is_no_news(room: Room) -> None:
    """A restart sends everybody away: nobody left, so nobody joins."""
    room.members.reset(["Ana", "Bea", "Cleo"], 3)
    room.members.came_back(["Ana"], 1)
    room.members.joined(["bea"], 2)
    room.members.joined(["Dee"], 3)
    assert room.took() == ["+Dee - =3"]
    room.members.left(["bea"], 2)
    room.loop.ring()
    assert room.took() == ["+ -bea =2"]
    room.members.joined(["bea"], 3)
    room.loop.ring()
    assert room.took() == ["+bea - =3"], "once is no news, twice is"
    room.loop.now = RETURN_SECONDS
    room.members.joined(["Cleo"], 3)
    room.loop.ring()
    assert room.took() == ["+Cleo - =3"]


def test_a_second_break_before_all_are_back_forgets_nobody(room: Room) -> None:
    room.members.reset(["Ana", "Bea"], 2)
    room.members.came_back(["Ana"], 1)
    room.members.came_back(["Ana"], 1)
    room.members.joined(["Bea"], 2)
    assert room.took() == []
