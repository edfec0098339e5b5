"""large_answers.py: they wait while too much output waits, in their order, and come then."""

from __future__ import annotations

import asyncio

import pytest

from chatctl.hub.large_answers import RETRY_SECONDS
from chatctl.protocol import History, Page, Roster, Say, Who
from tests.support.fakes import House, only


def full_house() -> House:
    house = House()
    house.hub.memory.output.used = house.hub.memory.output.limit
    return house


def test_pages_and_rosters_wait_for_memory_and_what_follows_them_does_too() -> None:
    house = full_house()
    peer = house.join("nadia")
    peer.take()
    peer.say(Who(), History(after=0, limit=10), Say("hi"))
    house.settle()
    assert peer.take() == []
    house.pass_time(RETRY_SECONDS)
    assert peer.take() == []
    house.hub.memory.output.used -= house.hub.memory.output.limit
    for _ in range(3):
        house.pass_time(RETRY_SECONDS)
        house.settle()
    assert [type(frame).__name__ for frame in peer.take()] == ["Roster", "Page", "Msg"]
    assert house.hub.memory.output.used == 0


def test_who_asks_and_goes_is_gone_and_what_waited_for_it_is_given_back() -> None:
    house = full_house()
    peer, other = house.join("nadia"), house.join("omar")
    peer.say(Who())
    other.say(Who())
    peer.lose()
    house.settle()
    house.hub.memory.output.used -= house.hub.memory.output.limit
    other.take()
    house.pass_time(RETRY_SECONDS)
    house.settle()
    assert len(only(Roster, other.take())) == 1
    assert peer not in house.hub.peers
    assert house.hub.memory.output.used == 0


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_coroutine_waits_too(cancelled: bool) -> None:
    """What one that was cancelled was given is given back."""

    async def waits() -> int:
        house = full_house()
        answers, output = house.hub._answers, house.hub.memory.output
        task = asyncio.create_task(answers.room(100))
        await asyncio.sleep(0)
        assert not task.done()
        output.used = 0
        house.pass_time(RETRY_SECONDS)
        if cancelled:
            task.cancel()
        await asyncio.wait([task])
        return output.used

    assert asyncio.run(waits()) == (0 if cancelled else 100)


def test_a_page_has_no_more_than_a_part_of_what_may_wait() -> None:
    house = House()
    house.hub.memory.output.limit = 1 << 20
    assert house.hub.history._page_bytes > 1 << 16, "as it was when the server started"
    peer = house.join("nadia")
    for _ in range(10):
        peer.say(Say("x" * 4000))
    house.settle()
    peer.take()
    house.hub.history._page_bytes = 100_000
    peer.say(History(before=100, limit=1000))
    house.settle()
    [page] = only(Page, peer.take())
    assert ([entry.seq for entry in page.entries], page.more) == ([7, 8, 9, 10], True)
