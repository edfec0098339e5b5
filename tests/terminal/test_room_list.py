"""Which room is shown, and what is unread in the others: by example, and against a model."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatctl.terminal.room_list import RoomList, Unread

NAMES = ["lobby", "ops", "dev", "den"]


def rooms(*names: str) -> RoomList:
    found = RoomList()
    for name in names:
        found.add(name)
    return found


def test_a_room_that_is_left_gives_way_to_the_one_that_was_shown_before() -> None:
    found = rooms("lobby", "ops", "dev")
    found.show("dev")
    found.show("ops")
    found.said("dev", for_you=True)
    assert found.remove("ops") == Unread(1, 1), "which is read by that"
    assert found.shown == "dev"
    assert not found.all_unread


def test_what_is_next_is_for_the_user_then_news_then_any() -> None:
    found = rooms("a", "b", "c", "d")
    assert found.next() == "b"
    found.said("c", for_you=False)
    assert found.next() == "c"
    found.said("d", for_you=True)
    assert found.next() == "d"
    found.show("d")
    assert found.next() == "c"
    assert rooms("a").next() is None
    assert rooms().next() is None


def test_in_words() -> None:
    found = rooms("lobby", "ops", "dev")
    assert found.activity == ""
    for _ in range(1200):
        found.said("ops", for_you=False)
    found.said("dev", for_you=True)
    assert found.activity == "2 ops: 1,200, 3 dev: 1 (1 for you)"
    assert str(found.all_unread) == "1,201 unread, 1 for you"


def test_a_room_is_joined_once() -> None:
    with pytest.raises(ValueError, match="lobby is joined already"):
        rooms("lobby", "lobby")


class AnyOrder(RuleBasedStateMachine):
    """Whatever is joined, left, shown and said: one room is shown, and only what came elsewhere is unread."""

    def __init__(self) -> None:
        super().__init__()
        self.list = RoomList()
        self.order: list[str] = []
        self.shown: list[str] = []
        """By when they were shown last, the latest last; those that never were come first, the newest of them first."""
        self.came: dict[str, list[bool]] = {}

    def _read(self) -> Unread:
        if not self.shown:
            return Unread()
        came, self.came[self.shown[-1]] = self.came[self.shown[-1]], []
        return Unread(len(came), sum(came))

    @precondition(lambda self: len(self.order) < len(NAMES))
    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in NAMES if name not in self.order]))
        self.list.add(name)
        self.order.append(name)
        self.shown.insert(0, name)
        self.came[name] = []

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def part(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.order))
        self.order.remove(name)
        self.shown.remove(name)
        del self.came[name]
        assert self.list.remove(name) == self._read()

    @precondition(lambda self: self.order)
    @rule(data=st.data())
    def show(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.order))
        self.shown.remove(name)
        self.shown.append(name)
        assert self.list.show(name) == self._read()

    @precondition(lambda self: self.order)
    @rule(data=st.data(), for_you=st.booleans())
    def say(self, data: st.DataObject, for_you: bool) -> None:
        name = data.draw(st.sampled_from(self.order))
        self.list.said(name, for_you=for_you)
        if name != self.shown[-1]:
            self.came[name].append(for_you)

    @precondition(lambda self: self.order)
    @rule()
    def show_all_news(self) -> None:
        """``/next`` comes to every room with news, those for the user first, and then there is none."""
        for left in range(sum(bool(came) for came in self.came.values()), 0, -1):
            name = self.list.next()
            assert name is not None
            assert any(self.came[name]) or not any(map(any, self.came.values()))
            self.shown.remove(name)
            self.shown.append(name)
            assert self.list.show(name) == self._read()
            assert sum(bool(came) for came in self.came.values()) == left - 1
        assert self.list.activity == ""

    @invariant()
    def as_it_should_be(self) -> None:
        assert self.list.names == self.order
        assert len(self.list) == len(self.order)
        assert self.list.shown == (self.shown[-1] if self.shown else None)
        assert [self.list.numbered(number) for number in range(6)] == [
            None,
            *self.order,
            *[None] * (5 - len(self.order)),
        ]
        for name, came in self.came.items():
            assert self.list.unread(name) == Unread(len(came), sum(came))
        everything = [one for came in self.came.values() for one in came]
        assert self.list.all_unread == Unread(len(everything), sum(everything))
        assert bool(self.list.activity) == bool(everything)


TestAnyOrder = AnyOrder.TestCase
