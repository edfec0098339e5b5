"""The commands on the journal that are no redaction: what compacting takes, when it is done, the log of orders."""

from __future__ import annotations

import msgspec
import pytest

from chatctl import protocol as p
from chatctl.errors import ChatError, Forbidden, StorageFailed
from chatctl.hub.admin_target import Actor
from chatctl.journal import RebuildCost
from tests.support.fakes import House, KeepingJournal, order


class Compacting(KeepingJournal):
    """Has 4 MiB until it is rebuilt, then 1 MiB."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 4
        self.broken: Exception | None = None

    async def cost(self) -> RebuildCost:
        return RebuildCost(needed=1 << 20, free=8 << 20, size=self.size << 20)

    async def rebuild(self) -> None:
        if self.broken is not None:
            raise self.broken
        self.size = 1


def test_it_says_what_it_takes_and_does_nothing_by_itself() -> None:
    journal = Compacting()
    done = order(House(journal=journal), "console", "compact", "")
    assert isinstance(done, p.Done)
    assert done.text == (
        "the journal has 4.0 MiB: rewriting it needs 1.0 MiB of 8.0 MiB free space, and about 1s; the rooms stay "
        "usable meanwhile (--yes does it)"
    )
    assert journal.size == 4


def test_with_yes_it_is_done() -> None:
    journal = Compacting()
    done = order(House(journal=journal), "console", "compact", "", yes=True)
    assert isinstance(done, p.Done)
    assert done.text == "the journal has 1.0 MiB now; it had 4.0 MiB"


def test_an_error_is_the_answer() -> None:
    journal = Compacting()
    journal.broken = StorageFailed("there is no room")
    assert order(House(journal=journal), "console", "compact", "", yes=True) is journal.broken


def test_a_fault_of_our_own_is_answered_as_well() -> None:
    journal = Compacting()
    journal.broken = FileNotFoundError("its folder is gone")
    error = order(House(journal=journal), "console", "compact", "", yes=True)
    assert isinstance(error, ChatError)
    assert "internal error" in error.text


def test_without_a_journal_there_is_nothing_to_do() -> None:
    assert isinstance(order(House(), "console", "compact", "", yes=True), Forbidden)


def test_every_order_that_changes_something_stands_in_the_log() -> None:
    journal = KeepingJournal()
    house = House(journal=journal)
    house.join("Rajat")
    for verb, target, more in (
        ("ban", "192.0.2.9", {"seconds": 60, "text": "flood"}),
        ("mute", "Rajat", {}),
        ("topic", "", {"room": "lobby", "text": "hi"}),
        ("kick", "Rajat", {}),
        ("unban", "192.0.2.9", {}),
    ):
        assert isinstance(order(house, "console", verb, target, **more), p.Done)
    assert isinstance(order(house, "console", "unban", "Nobody"), Forbidden)
    done = order(house, "console", "log", "")
    assert isinstance(done, p.Done)
    assert [row["verb"] for row in done.rows] == ["ban", "mute", "topic", "kick", "unban"]
    assert done.text == "5 orders"
    [first, *_] = done.rows
    assert (first["target"], first["seconds"], first["why"], first["time"]) == ("192.0.2.9", 60, "flood", 1000.0)
    kept = [msgspec.json.decode(value or "") for (kind, _), value in journal.kept.items() if kind == "order"]
    assert [row["verb"] for row in kept] == ["ban", "mute", "topic", "kick", "unban"]


def test_an_operator_in_a_room_is_shown_no_address() -> None:
    house = House(journal=KeepingJournal())
    order(house, "console", "ban", "192.0.2.9")
    done = order(house, "operator", "log", "")
    assert isinstance(done, p.Done)
    assert "192.0.2.9" not in str(done)


@pytest.mark.parametrize("verb", ["ban", "op", "topic"])
def test_an_order_that_is_not_kept_does_not_stand_in_it(verb: str) -> None:
    journal = KeepingJournal()
    journal.at_once = False
    house = House(journal=journal)
    outcomes: list[p.Done | ChatError] = []
    key = "SHA256:" + "A" * 43
    house.join("Rajat")
    ask = p.Admin(verb=verb, target="" if verb == "topic" else key, text="x", room="lobby")
    house.hub.admin.carry_out(ask, Actor("console"), outcomes.append)
    journal.fail()
    assert isinstance(outcomes[0], StorageFailed)
    assert list(house.hub.rules.log) == []
