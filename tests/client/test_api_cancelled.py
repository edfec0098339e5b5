"""Cancelling what the asyncio form does, at every place where it can be cancelled, on both event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from chatctl.client import aio
from chatctl.errors import Unreachable
from tests.client.conftest import Asyncio, Form
from tests.support.cancelling import MOST, Cancelled, everywhere
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import log_of


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


pytestmark = pytest.mark.parametrize("form", ["asyncio", "uvloop"], indirect=True)


@pytest.fixture
def loop(form: Form) -> Asyncio:
    assert isinstance(form, Asyncio)
    return form


def test_connecting(loop: Asyncio, house: Server, room: str) -> None:
    """Nothing is left of it: no connection, and nothing for the event loop to complain about (as the fixture sees)."""

    async def connect() -> None:
        async with aio.connect(at(house.port), nick="ci", room=room):
            pass

    async def scenario() -> None:
        await everywhere(connect)
        for iterations in range(60):  # the connecting itself is a task of its own
            task = asyncio.create_task(connect())
            for _ in range(iterations):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

    loop.run(scenario())


def test_connecting_where_nobody_is(loop: Asyncio) -> None:
    async def connect() -> None:
        with pytest.raises(Unreachable):
            await aio.connect(at(closed_port()), nick="ci")

    loop.run(everywhere(connect))


def test_connecting_while_a_name_is_resolved(loop: Asyncio, house: Server, room: str) -> None:
    async def connect() -> None:
        async with aio.connect(f"localhost:{house.port}", nick="ci", room=room):
            pass

    loop.run(everywhere(connect))


def test_saying(loop: Asyncio, house: Server, room: str) -> None:
    """What was cut short may be said or not, under its own id once; what comes after it is said."""

    async def scenario() -> list[str]:
        async with aio.connect(at(house.port), nick="ci", room=room) as here:
            number = iter(range(MOST))

            async def say() -> None:
                text = str(next(number))
                await here.say(text, id=text)

            times = await everywhere(say)
            assert times > 0
            for text in map(str, range(times + 1)):
                await here.say(text, id=text)
            return [str(number) for number in range(times + 1)]

    assert sorted(loop.run(scenario())) == sorted(log_of(house.member("nadia", room)))


def test_following(loop: Asyncio, house: Server, room: str) -> None:
    """Each entry once and in order, however often the wait for it is cut short, the connecting included."""

    async def scenario() -> list[int]:
        async with aio.connect(at(house.port), nick="ci", room=room) as here:
            for number in range(20):
                await here.say(str(number))
            entries = here.follow(history=20)
            seen: list[int] = []

            async def take() -> None:
                entry = await anext(entries)
                assert isinstance(entry, aio.Msg)
                seen.append(entry.seq)

            while len(seen) < 20:
                await everywhere(take)
            return seen

    assert loop.run(scenario()) == list(range(1, 21))


def test_a_wait_that_is_cut_short_keeps_its_connection(loop: Asyncio, stub: PutStub) -> None:
    """A bot that looks for something else every now and then does not connect anew each time."""
    connections: list[Peer] = []

    def quiet(peer: Peer) -> None:
        connections.append(peer)
        peer.let_in()

    async def scenario() -> None:
        async with aio.connect(at(stub(one_after_another(quiet, quiet, quiet, quiet)).port), nick="ci") as here:
            entries, after = here.follow(), 0
            while after < 50:
                after += len(connections) == 2
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(anext(entries), 0.02)

    loop.run(scenario())
    assert len(connections) == 2, "one that says, one that follows"


def test_a_connection_that_takes_longer_than_each_wait_is_made(loop: Asyncio, stub: PutStub) -> None:
    """The try goes on behind the waits: else a distant server would never be reached."""
    waits = threading.Semaphore(0)

    def slow(peer: Peer) -> None:
        for _ in range(5):  # the server takes as long as five waits
            assert waits.acquire(timeout=DEADLINE)
        peer.let_in()
        peer.send(type="msg", seq=1, time=1.0, nick="nadia", text="hi")
        peer.frame("never")

    def idle(peer: Peer) -> None:
        peer.let_in()

    async def scenario() -> str:
        async with aio.connect(at(stub(one_after_another(idle, slow)).port), nick="ci", timeout=60) as here:
            entries = here.follow()
            while True:
                try:
                    entry = await asyncio.wait_for(anext(entries), 0.02)
                except TimeoutError:
                    waits.release()
                else:
                    assert isinstance(entry, aio.Msg)
                    return entry.text

    assert loop.run(scenario()) == "hi"


def test_in_a_task_group(loop: Asyncio, house: Server, room: str) -> None:
    """One task fails: those that follow and say end, the group raises that error alone, and the room is usable."""

    async def follow(here: aio.Room, ready: asyncio.Event) -> None:
        async with here.follow() as entries:
            ready.set()
            async for _ in entries:
                pass

    async def fail(ready: asyncio.Event) -> None:
        await ready.wait()
        raise KeyError

    async def scenario() -> None:
        async with aio.connect(at(house.port), nick="ci", room=room) as here:
            ready = asyncio.Event()

            async def group() -> None:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(follow(here, ready))
                    tasks.create_task(follow(here, asyncio.Event()))
                    tasks.create_task(fail(ready))

            with pytest.raises(ExceptionGroup) as raised:
                await group()
            assert [type(error) for error in raised.value.exceptions] == [KeyError]
            assert (await here.say("still here")).seq == 1

    loop.run(scenario())


def test_a_place_is_behind_what_was_returned(loop: Asyncio, house: Server, room: str, tmp_path: Path) -> None:
    """Not behind what was on its way when the wait was cut short."""

    async def scenario() -> None:
        async with aio.connect(at(house.port), nick="ci", room=room) as here:
            await here.say("one")
            entries = here.follow(history=1, cursor=tmp_path / "bot.cursor")
            for number in range(1, 30):
                with_end = Cancelled(anext(entries), number)
                task = asyncio.ensure_future(_await(with_end))
                await asyncio.wait([task])
                if not task.cancelled():
                    assert task.result().seq == 1
                    break
                assert entries.place is None or entries.place.after == 0

    loop.run(scenario())


async def _await(waited: Awaitable[Any]) -> Any:
    return await waited
