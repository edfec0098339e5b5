"""hub/name_requests.py: look, decide, commit if nothing has changed, else look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from chatctl import protocol as p
from chatctl.directory import Changed, Directory, Verdict, Wish
from chatctl.directory.memory import MemoryDirectory
from chatctl.errors import StorageFailed
from chatctl.hub.name_requests import MAX_LOOKS
from tests.support.fakes import House, only


class Scripted(MemoryDirectory):
    """Gives these verdicts first, when it is told to."""

    def __init__(self, house_journal: object) -> None:
        super().__init__(house_journal)  # type: ignore[arg-type]
        self.script: list[Verdict] = []
        self.asked: list[Wish] = []
        self.waiting: list[Callable[[], None]] = []
        self.late = False

    def claim(self, wishes: Sequence[Wish], done: Callable[[Sequence[Verdict]], None]) -> None:
        self.asked += wishes

        def judge() -> None:
            if self.script:
                done([self.script.pop(0)])
            else:
                MemoryDirectory.claim(self, wishes, done)

        if self.late:
            self.waiting.append(judge)
        else:
            judge()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    def new(house: House) -> Directory:
        return Scripted(house.journal)

    monkeypatch.setattr(House, "new_directory", new)
    return House()


def scripted(house: House) -> Scripted:
    assert isinstance(house.hub.directory, Scripted)
    return house.hub.directory


def test_what_has_changed_is_looked_at_again(house: House) -> None:
    directory = scripted(house)
    directory.script = [Changed(), Changed()]
    ana = house.join("Ana")
    assert ana.welcome is not None
    assert len(directory.asked) == 3


def test_who_came_meanwhile_is_seen_in_the_second_look(house: House) -> None:
    directory = scripted(house)
    directory.late = True
    first, second = house.peer(p.Hello(v=1, nick="Ana")), house.peer(p.Hello(v=1, nick="АNA"))
    for judge in directory.waiting[:]:
        judge()
    house.settle()
    assert first.welcome is not None
    assert second.codes == ["nick_taken"]


def test_it_does_not_look_for_ever(house: House) -> None:
    directory = scripted(house)
    directory.script = [Changed()] * 1000
    assert house.join("Ana").codes == ["storage"]
    assert len(directory.asked) == MAX_LOOKS


def test_an_engine_that_is_gone_is_an_error(house: House) -> None:
    ana = house.join("Ana")
    directory = scripted(house)
    directory.script = [StorageFailed("the engine is gone"), StorageFailed("the engine is gone")]
    assert house.join("Bob").codes == ["storage"]
    ana.take()
    ana.say(p.Nick("Zoe"))
    house.settle()
    assert ana.codes == ["storage"]
    assert ana.member is not None
    assert ana.member.nick == "Ana"


def test_a_peer_says_nothing_until_its_name_is_committed_and_all_of_it_in_order_then(house: House) -> None:
    """Under the old name it would be told after it, and under the new one before."""
    ana, directory = house.join("Ana"), scripted(house)
    ana.take()
    directory.late = True
    ana.say(p.Nick("Zoe"), p.Say("hello"), p.Nick("Eve"), p.Say("again"))
    ana.say(p.Ping(t=1.0))
    house.settle()
    assert ana.take() == []
    assert not ana.transport.is_reading()
    directory.waiting.pop(0)()
    house.settle()
    assert [(type(one), getattr(one, "nick", "")) for one in ana.take()] == [(p.Rename, ""), (p.Msg, "Zoe")]
    directory.waiting.pop(0)()
    house.settle()
    assert [one.nick for one in only(p.Msg, ana.frames)] == ["Eve"]
    assert only(p.Pong, ana.take())
    assert ana.transport.is_reading()


@pytest.mark.parametrize("rename", [True, False])
def test_a_place_that_is_given_to_somebody_who_is_gone_is_given_up(house: House, *, rename: bool) -> None:
    directory = scripted(house)
    ana = house.join("Ana") if rename else house.peer()
    directory.late = True
    ana.say(p.Nick("Zoe") if rename else p.Hello(v=1, nick="Zoe"))
    ana.lose()
    house.settle()
    directory.waiting.pop(0)()
    house.settle()
    directory.late = False
    assert house.join("Zoe").welcome is not None
    assert house.join("Ana").welcome is not None
    assert [one for one in house.hub.names.here.alike("Zoe") if one.conn is ana] == []


def test_who_is_gone_when_something_has_changed_asks_no_more(house: House) -> None:
    directory = scripted(house)
    directory.late, directory.script = True, [Changed()]
    ana = house.peer(p.Hello(v=1, nick="Ana"))
    ana.lose()
    directory.waiting.pop(0)()
    house.settle()
    assert directory.waiting == []


def test_many_renames_in_one_read_are_done_one_after_the_other(house: House) -> None:
    """Not one inside the other: the stack is not as deep as a read is long."""
    ana = house.join("Ana")
    ana.say(*(p.Nick(f"n{number}") for number in range(2000)))
    house.settle()
    assert ana.member is not None
    assert ana.member.nick == "n1999"


def late(monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a server whose directory answers later, in the order of the calls."""
    monkeypatch.undo()
    monkeypatch.setattr(House, "answers_late", True)
    return House()


def test_one_who_is_renamed_and_hangs_up_leaves_no_name_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    house = late(monkeypatch)
    ana = house.join("Ana")
    ana.say(p.Nick("Zoe"))
    ana.lose()
    house.settle()
    assert house.join("Zoe").welcome is not None
    assert house.join("Ana").welcome is not None


def test_a_place_whose_connection_breaks_while_it_is_taken_over_is_the_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    house = late(monkeypatch)
    before = house.join("Ana", "1" * 32)
    after = house.peer(p.Hello(v=1, nick="Ana", token="1" * 32))
    before.lose()
    house.settle()
    assert after.welcome is not None
    assert [member.conn for member in house.hub.presence.roster("lobby")] == [after]
