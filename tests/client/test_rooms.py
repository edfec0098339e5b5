"""Several rooms as one thing, in both forms: each event with its room, none kept back by the silence of another."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Self

import pytest

from chatctl.client import Join, Msg, Whisper, aio_rooms, rooms
from chatctl.errors import ChatError, Closed, RoomInvalid
from tests.client.conftest import Asyncio, AsyncioRoom, Form
from tests.support.cancelling import everywhere
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Serve
from tests.support.server_process import Server
from tests.support.signatures import parameters, public
from tests.support.wire import Wire, log_of


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


class AsyncioRooms:
    """The asyncio form, one call at a time."""

    def __init__(self, form: Asyncio, raw: aio_rooms.Rooms) -> None:
        self._form, self.raw = form, raw

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._form.run(self.raw.__aexit__(*raised))

    def __getitem__(self, name: str) -> AsyncioRoom:
        return AsyncioRoom(self._form._runner, self.raw[name])

    @property
    def closed(self) -> bool:
        return self.raw.closed

    def follow(self, **more: Any) -> AsyncioFollowing:
        return AsyncioFollowing(self._form, self.raw.follow(**more))

    def close(self) -> None:
        self._form.run(self.raw.close())

    def drain(self) -> None:
        self._form.run(self.raw.drain())


class AsyncioFollowing:
    def __init__(self, form: Asyncio, raw: aio_rooms.RoomsFollowing) -> None:
        self._form, self.raw = form, raw

    def __enter__(self) -> Self:
        self._form.run(self.raw.__aenter__())
        return self

    def __exit__(self, *raised: object) -> None:
        self._form.run(self.raw.__aexit__(*raised))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        try:
            return self._form.run(_next(self.raw))
        except StopAsyncIteration:
            raise StopIteration from None

    @property
    def places(self) -> dict[str, Any]:
        return self.raw.places


async def _next(following: aio_rooms.RoomsFollowing) -> Any:
    return await anext(following)


async def _connected(connecting: Any) -> aio_rooms.Rooms:
    return await connecting


def connect(form: Form, server: Any, names: list[str], **more: Any) -> Any:
    if isinstance(form, Asyncio):
        return AsyncioRooms(form, form.run(_connected(aio_rooms.connect_rooms(server, names, **more))))
    return rooms.connect_rooms(server, names, **more)


def wait_ready(form: Form, events: Any, count: int = 1) -> None:
    """Wait until something of so many rooms waits to be returned."""
    while len(getattr(events, "raw", events)._core._ready()) < count:
        if isinstance(form, Asyncio):
            form.run(asyncio.sleep(0))


@pytest.fixture
def names(room: str) -> list[str]:
    return [f"{room}.a", f"{room}.b"]


def said(found: tuple[str, Any]) -> tuple[str, str]:
    room, event = found
    assert isinstance(event, Msg)
    return room, event.text


def watchers(wire: Wire) -> int:
    count: int = wire.say_frame(type="who").frame("roster")["watchers"]
    return count


def test_each_entry_comes_with_its_room(form: Form, house: Server, names: list[str]) -> None:
    one, two = names
    nadia = house.member("nadia", two)
    with connect(form, at(house.port), names, nick="bot") as here, here.follow() as events:
        for number in range(3):
            nadia.say(str(number))
            assert said(next(events)) == (two, str(number)), "the other room is silent all the time"
        assert here[one].say("here").seq == 1
        assert said(next(events)) == (one, "here")
        assert here[one].welcome.room == one
        assert events.places[two].after == 3
    assert here.closed
    assert watchers(nadia) == 0


def test_no_room_comes_short(form: Form, house: Server, names: list[str]) -> None:
    """Rooms in which much is said do not keep another one back: they take turns."""
    names = [*names, f"{names[0]}.c"]
    for name in names:
        wire = house.member("nadia", name)
        for number in range(10):
            wire.say(str(number))
        log_of(wire)
        wire.close()
    with connect(form, at(house.port), names, nick="bot") as here, here.follow(history=10, live=False) as events:
        found = [said(next(events))]
        while len(found) < 28:
            wait_ready(form, events, 2)
            found.append(said(next(events)))
        found += [said(one) for one in events]
    for name in names:
        assert [text for room, text in found if room == name] == [str(number) for number in range(10)]
    turns = [room for room, _ in found[:28]]
    assert all(len({*turns[at : at + 3]}) == 3 for at in range(26))


def test_who_waits_when_it_is_closed_gets_nothing(form: Form, house: Server, names: list[str]) -> None:
    nadia = house.member("nadia", names[0])
    followed = threading.Event()

    def watch() -> None:
        while watchers(nadia) == 0:
            pass
        followed.set()

    thread = threading.Thread(target=watch)
    with connect(form, at(house.port), names, nick="bot") as here:
        events = here.follow()
        raw, entries = (here.raw, events.raw) if isinstance(form, Asyncio) else (here, events)
        thread.start()
        end = form.meanwhile(lambda: form.next(entries), followed, raw.close)
        thread.join(DEADLINE)
        assert isinstance(end, (StopIteration, StopAsyncIteration))
        assert list(events) == []
        with pytest.raises(Closed):
            here.follow()
        here.drain()  # once more is nothing


def test_all_or_none(form: Form, serve: Serve) -> None:
    """One that the server does not have: no connection to the others is left."""
    server = serve("--room", "lobby")
    with pytest.raises(RoomInvalid):
        connect(form, at(server.port), ["lobby", "ops"], nick="bot", mode="join")
    nadia = server.member("nadia")
    assert [row["nick"] for row in nadia.say_frame(type="who").frame("roster")["members"]] == ["nadia"]


def test_what_waited_to_be_returned_comes_again(form: Form, house: Server, names: list[str], tmp_path: Path) -> None:
    """It was read, and not handled: the file does not say that it was."""
    file = tmp_path / "cursor"
    with connect(form, at(house.port), names, nick="bot") as here:
        with here.follow(cursor=file) as events:
            for name in names:
                here[name].say("hi")
            first, _ = said(next(events))
            wait_ready(form, events)
        with here.follow(cursor=file) as events:
            [other] = set(names) - {first}
            assert said(next(events)) == (other, "hi")
    assert sorted(path.name for path in tmp_path.glob("cursor.*.[ab]")) == sorted(f"cursor.{name}" for name in names)


def test_from_places(form: Form, house: Server, names: list[str]) -> None:
    with connect(form, at(house.port), names, nick="bot") as here:
        with here.follow() as events:
            here[names[0]].say("one")
            next(events)
            places = events.places
        for name in names:
            here[name].say("two")
        found = {said(one) for one in here.follow(resume=places, live=False)}
        assert found == {(name, "two") for name in names}
        with pytest.raises(ValueError, match="no room elsewhere"):
            here.follow(resume={"elsewhere": places[names[0]]})


def test_as_a_member(form: Form, house: Server, names: list[str]) -> None:
    nadia = house.member("nadia", names[1])
    with (
        connect(form, at(house.port), names, nick="bot", mode="join") as here,
        here.follow(presence=True, whispers=True) as events,
    ):
        nadia.say_frame(type="whisper", to="bot", text="psst")
        room, told = next(events)
        assert (room, type(told), told.text) == (names[1], Whisper, "psst")
        house.member("omar", names[0])
        assert next(events) == (names[0], Join("omar", 2))
        assert [entry.text for entry in here[names[0]].search("nothing")] == []


def test_one_that_is_closed_ends_alone(form: Form, house: Server, names: list[str]) -> None:
    one, two = names
    with connect(form, at(house.port), names, nick="bot") as here, here.follow() as events:
        here[one].close()
        assert not here.closed
        here[two].say("still here")
        assert said(next(events)) == (two, "still here")
        here[two].close()
        assert list(events) == []
        assert here.closed


def test_a_failure_of_one_is_told(form: Form, serve: Serve) -> None:
    """It does not end the others: they are followed on."""
    server = serve("--room", "lobby", "--room", "ops", "--max-clients", "3")
    with connect(form, at(server.port), ["lobby", "ops"], nick="bot") as here:
        events = here.follow()
        with pytest.raises(ChatError, match="full"):
            next(events)
        here.close()


@pytest.mark.parametrize("form", ["asyncio", "uvloop"], indirect=True)
def test_cancelled_everywhere(form: Form, house: Server, names: list[str]) -> None:
    """Each entry of each room once, however often the wait for it is cut short."""
    assert isinstance(form, Asyncio)

    async def scenario() -> list[tuple[str, str]]:
        async with aio_rooms.connect_rooms(at(house.port), names, nick="ci") as here:
            for number in range(5):
                for name in names:
                    await here[name].say(str(number))
            events, seen = here.follow(history=5), list[tuple[str, str]]()

            async def take() -> None:
                seen.append(said(await anext(events)))

            while len(seen) < 10:
                await everywhere(take)
            return seen

    assert sorted(form.run(scenario())) == sorted((name, str(number)) for name in names for number in range(5))


@pytest.mark.parametrize("form", ["asyncio", "uvloop"], indirect=True)
def test_a_cancelled_connect_leaves_nothing(form: Form, house: Server, names: list[str]) -> None:
    assert isinstance(form, Asyncio)

    async def connect() -> None:
        async with aio_rooms.connect_rooms(at(house.port), names, nick="ci"):
            pass

    form.run(everywhere(connect))


@pytest.mark.parametrize(("wrong", "why"), [("lobby", "in a list"), ([], "in a list"), (["a", "a"], "named twice")])
def test_a_list_that_is_none(wrong: Any, why: str) -> None:
    for module in (rooms, aio_rooms):
        with pytest.raises(ValueError, match=why):
            module.connect_rooms("127.0.0.1", wrong, nick="ci")
    with pytest.raises(RoomInvalid):
        rooms.connect_rooms("127.0.0.1", ["../../etc"], nick="ci")


def test_both_forms_are_the_same() -> None:
    assert rooms.__all__ == aio_rooms.__all__
    assert parameters(rooms.connect_rooms) == parameters(aio_rooms.connect_rooms)
    for name in ("Rooms", "RoomsFollowing"):
        ours, theirs = getattr(rooms, name), getattr(aio_rooms, name)
        assert public(ours).keys() - {"__iter__"} == public(theirs).keys() - {"__iter__"}
    assert parameters(rooms.Rooms.follow) == parameters(aio_rooms.Rooms.follow)
