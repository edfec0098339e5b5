"""Several rooms in one ``join``, on a server in this process, without a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.saved_state import SavedState
from chatctl.core.limits import ServerLimits
from chatctl.errors import ChatError, NickTaken
from chatctl.terminal.colors import Palette
from chatctl.terminal.folding import Folds
from chatctl.terminal.interfaces import JoinOptions
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.rooms import Rooms
from tests.support.environment import DEADLINE
from tests.support.in_process_server import in_process_server
from tests.support.wire import Wire
from tests.terminal.fakes import FakeScreen

TOKEN = "a" * 32


@pytest.fixture
def port() -> Iterator[int]:
    with in_process_server(ServerLimits(rate=0)) as port:
        yield port


@pytest.fixture
def other(port: int) -> Iterator[Callable[..., Wire]]:
    """Let others in."""
    wires: list[Wire] = []

    def member(nick: str, room: str, **more: object) -> Wire:
        wires.append(Wire(("127.0.0.1", port)).greeted().enter(nick, room, **more))
        return wires[-1]

    yield member
    for wire in wires:
        wire.close()


class Person:
    """Somebody in rooms, and what they see."""

    def __init__(self, port: int, state: Path, *more_rooms: str, script: bool = False) -> None:
        self.screen = FakeScreen()
        self.screen.mixes_rooms = script
        options = JoinOptions(
            Address("127.0.0.1", port), "lobby", "nadia", 50, for_person=not script, more_rooms=more_rooms
        )
        render = FrameRenderer(Palette(0), now=lambda: 0.0, folds=Folds())
        self.saved: dict[str, SavedState] = {}
        self.state = state
        self.rooms = Rooms(options, self._open, render, self.screen, TOKEN)

    def _open(self, room: str, _nick: str) -> SavedState:
        folder = self.state / room
        folder.mkdir(parents=True, exist_ok=True)
        self.saved[room] = SavedState(folder)
        return self.saved[room]

    async def until(self, done: Callable[[], object], what: str) -> None:
        end = asyncio.get_running_loop().time() + DEADLINE
        while not done():
            assert asyncio.get_running_loop().time() < end, f"no {what}: {self.screen.lines}"
            await asyncio.sleep(0.005)

    async def sees(self, *texts: str) -> None:
        for text in texts:
            await self.until(lambda text=text: any(text in line for line in self.screen.lines), text)  # type: ignore[misc]

    def seen(self, text: str) -> bool:
        return any(text in line for line in self.screen.lines)


async def heard(wire: Wire, last: str) -> list[str]:
    """Return what somebody else hears, up to ``last``. Their socket blocks, and our loop has to go on."""
    return await asyncio.to_thread(wire.texts, last)


@asynccontextmanager
async def joined(person: Person) -> AsyncIterator[asyncio.Task[None]]:
    """Be in all rooms of the person inside the block."""
    task = asyncio.create_task(person.rooms.run())
    for room in ("lobby", *person.rooms._options.more_rooms):
        await person.until(lambda room=room: room in person.rooms._rooms, room)  # type: ignore[misc]
        await person.until(lambda room=room: person.rooms._rooms[room].was_entered, room)  # type: ignore[misc]
    yield task
    await person.rooms.leave(1.0)
    with suppress(ChatError):  # the test has seen it
        await asyncio.wait_for(task, DEADLINE)


def test_lines_of_another_room_wait_until_it_is_shown(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    async def run() -> None:
        nadia = Person(port, tmp_path, "ops")
        omar, bob = other("omar", "ops"), other("bob", "lobby")
        async with joined(nadia):
            omar.say("in ops")
            omar.say("nadia: look")
            await nadia.until(lambda: nadia.rooms.activity, "news")
            await nadia.until(lambda: "2 unread" in nadia.rooms.title, "both")
            bob.say("in lobby")
            await nadia.sees("bob: in lobby")
            assert not nadia.seen("in ops")
            assert nadia.rooms.activity == "2 ops: 2 (1 for you)"
            assert nadia.rooms.title == "2 unread, 1 for you: nadia@lobby"
            assert nadia.screen.alerts == ["ops: omar mentions you"]
            assert nadia.rooms.submit("/2")
            assert nadia.screen.changes == [False]
            at = nadia.screen.lines.index("— ops: 2 unread, 1 for you —")
            assert [line[6:] for line in nadia.screen.lines[at + 1 :] if "omar: " in line] == [
                "omar: in ops",
                "omar: nadia: look",
            ]
            assert (nadia.rooms.name, nadia.rooms.activity, nadia.rooms.count) == ("ops", "", 2)
            nadia.rooms.submit("said in ops")
            assert (await heard(omar, "said in ops"))[-1] == "said in ops"
            nadia.rooms.submit("/next")
            assert nadia.rooms.name == "lobby"

    asyncio.run(run())


def test_what_was_there_before_and_what_i_say_myself_is_not_unread(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    async def run() -> None:
        omar = other("omar", "ops")
        omar.say("long ago")
        omar.frame("msg")
        nadia = Person(port, tmp_path, "ops")
        async with joined(nadia):
            nadia.rooms.submit("/2")
            await nadia.sees("omar: long ago", "You are nadia in ops")
            assert nadia.seen("— ops: nothing new —")
            nadia.rooms.submit("mine")
            nadia.rooms.submit("/1")
            await nadia.until(lambda: nadia.rooms._rooms["ops"].screen.has_unseen or nadia.seen("nadia: mine"), "mine")
            assert nadia.rooms.activity == ""

    asyncio.run(run())


def test_how_far_a_room_was_read_is_saved_only_once_it_was_shown(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    """Killed before, the next run shows it as missed."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path, "ops"), other("omar", "ops")
        async with joined(nadia):
            nadia.rooms.save()
            omar.say("unseen")
            await nadia.until(lambda: nadia.rooms.activity, "news")
            nadia.rooms.save()
            cursor = nadia.saved["ops"].cursor()
            assert cursor is not None
            assert cursor.after == 0
            nadia.rooms.submit("/2")
            nadia.rooms.save()
            cursor = nadia.saved["ops"].cursor()
            assert cursor is not None
            assert cursor.after == 1

    asyncio.run(run())


def test_how_far_a_room_was_read_is_saved_when_another_is_shown(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    """Later it can't be told any more: what came since has not been seen."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path, "ops"), other("omar", "lobby")
        async with joined(nadia):
            omar.say("seen")
            await nadia.sees("omar: seen")
            nadia.rooms.submit("/2")
            omar.say("unseen")
            await nadia.until(lambda: nadia.rooms.activity, "news")
            nadia.rooms.save()
            cursor = nadia.saved["lobby"].cursor()
            assert cursor is not None
            assert cursor.after == 1

    asyncio.run(run())


def test_join_and_part(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    """What is typed right behind ``/join`` is for the new room; the files of a parted room are free."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path), other("omar", "ops")
        async with joined(nadia):
            assert nadia.rooms.title == "", "one room leaves the window's title alone"
            assert nadia.rooms.submit("/join #Ops")
            assert nadia.rooms.submit("typed ahead")
            assert await heard(omar, "typed ahead") == ["typed ahead"]
            await nadia.sees("— ops: joining —", "nadia: typed ahead")
            assert nadia.rooms.submit("/join lobby"), "which shows it"
            assert nadia.rooms.name == "lobby"
            assert nadia.rooms.submit("/part ops")
            await asyncio.to_thread(omar.frame, "leave")
            assert (nadia.rooms.names, nadia.rooms.name) == (["lobby"], "lobby")
            await nadia.sees("left ops")
            await nadia.until(lambda: not nadia.saved["ops"].kept, "free files")
            for wrong in ("/part nowhere", "/join no/room", "/3", "/next", "/1"):
                assert not nadia.rooms.submit(wrong)
            assert not nadia.screen.left
            assert nadia.rooms.submit("/part")
            assert nadia.screen.left, "with the last room it ends"

    asyncio.run(run())


def test_a_room_that_does_not_let_me_in_costs_nothing(tmp_path: Path) -> None:
    """What was typed meanwhile is carried back; what was entered is told as not said."""

    async def run(port: int) -> None:
        nadia = Person(port, tmp_path)
        async with joined(nadia):
            nadia.rooms.submit("/join ops")
            nadia.rooms.submit("typed ahead")
            await nadia.sees("cannot join ops: there is no room 'ops'")
            assert (nadia.rooms.names, nadia.rooms.name) == (["lobby"], "lobby")
            assert nadia.screen.changes == [False, True]
            await nadia.sees("[ops] not acknowledged yet: 1 of your lines")

    with in_process_server(ServerLimits(rate=0), open_rooms=False) as port:
        asyncio.run(run(port))


def test_one_room_ends_and_the_others_go_on(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    """Nothing that is typed for it goes to another room."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path, "ops"), other("omar", "lobby")
        async with joined(nadia):
            nadia.rooms.submit("/2")
            elsewhere = other("nadia", "ops", token=TOKEN)
            await nadia.sees("! ops: your nickname joined from elsewhere: you have left the room")
            assert (nadia.rooms.name, nadia.rooms.count) == ("ops", None)
            assert "you are not in this room" in nadia.rooms.status
            for line in ("a secret", "/me whispers", "//a secret"):
                assert not nadia.rooms.submit(line)
            assert nadia.rooms.unacknowledged == 0
            nadia.rooms.submit("/1")
            nadia.rooms.submit("still here")
            assert await heard(omar, "still here") == ["still here"]
            elsewhere.close()
            nadia.rooms.submit("/join ops")
            await nadia.until(lambda: nadia.rooms.count == 1, "ops again")
            assert nadia.rooms.names == ["lobby", "ops"]

    asyncio.run(run())


def test_the_command_that_comes_back_names_no_room_that_we_were_sent_out_of(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    async def run() -> None:
        nadia = Person(port, tmp_path, "ops", "dev")
        async with joined(nadia):
            other("nadia", "ops", token=TOKEN)
            await nadia.sees("! ops: your nickname joined from elsewhere")
            assert nadia.rooms.names == ["lobby", "ops", "dev"]
        assert nadia.rooms.names == ["lobby", "dev"]

    asyncio.run(run())


def test_the_last_room_that_ends_ends_it_all(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    async def run() -> None:
        nadia = Person(port, tmp_path, "ops")
        async with joined(nadia) as task:
            other("nadia", "ops", token=TOKEN)
            await nadia.sees("! ops: your nickname joined from elsewhere")
            other("nadia", "lobby", token=TOKEN)
            with pytest.raises(NickTaken):
                await asyncio.wait_for(task, DEADLINE)

    asyncio.run(run())


@pytest.mark.parametrize("mixes", [False, True])
@pytest.mark.parametrize("shown", ["lobby", "ops"])
def test_what_ends_a_room_is_told_once(
    port: int, other: Callable[..., Wire], tmp_path: Path, shown: str, *, mixes: bool
) -> None:
    """Neither again at the end, nor, on a screen that shows all rooms, for each of them."""

    async def run() -> None:
        nadia = Person(port, tmp_path, "ops")
        nadia.screen.mixes_rooms = mixes
        async with joined(nadia):
            nadia.rooms.submit("/2" if shown == "ops" else "")
            other("nadia", "lobby", token=TOKEN)
            await nadia.sees("! lobby: your nickname joined from elsewhere")
        assert sum("joined from elsewhere" in line for line in nadia.screen.lines) == 1, nadia.screen.lines

    asyncio.run(run())


def test_what_ends_all_rooms_is_told_by_the_last_error_alone(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    """As a ban does: whoever waits for the rooms prints it."""

    async def run() -> None:
        nadia = Person(port, tmp_path, "ops")
        async with joined(nadia) as task:
            for room in ("lobby", "ops"):  # the loop does not run in between
                other("nadia", room, token=TOKEN)
            with pytest.raises(NickTaken):
                await asyncio.wait_for(task, DEADLINE)
        assert not nadia.seen("joined from elsewhere")

    asyncio.run(run())


def test_a_script_ends_with_any_of_its_rooms(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    """Its next lines would go to a room that they are not meant for; and each line says of which room it is."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path, "ops", script=True), other("omar", "ops")
        async with joined(nadia) as task:
            omar.say("hello")
            await nadia.until(
                lambda: any(line.startswith("[ops] ") and "omar: hello" in line for line in nadia.screen.lines), "it"
            )
            assert nadia.rooms.activity == "", "nothing waits on such a screen"
            other("nadia", "ops", token=TOKEN)
            with pytest.raises(ChatError):
                await asyncio.wait_for(task, DEADLINE)

    asyncio.run(run())


def test_a_first_room_that_cannot_be_entered_is_an_error(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    async def run() -> None:
        other("nadia", "lobby", token="b" * 32)
        nadia = Person(port, tmp_path, "ops")
        with pytest.raises(NickTaken):
            await asyncio.wait_for(nadia.rooms.run(), DEADLINE)
        assert not nadia.rooms.entered.is_set()
        assert "ops" not in nadia.rooms.names

    asyncio.run(run())


def test_a_whisper_in_a_room_that_was_never_looked_at_is_told_at_the_end(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    """And so is what became of a line that was said there right before another room was shown."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path, "ops"), other("omar", "ops")
        async with joined(nadia):
            nadia.rooms.submit("/2")
            nadia.rooms.submit("/msg nobody psst")
            nadia.rooms.submit("/1")
            await nadia.until(lambda: nadia.rooms.activity == "2 ops: 1 (1 for you)", "the refusal")
            omar.say_frame(type="whisper", to="nadia", text="psst")
            await nadia.until(lambda: nadia.rooms.activity == "2 ops: 2 (2 for you)", "the whisper")
            assert not nadia.seen("psst")
        assert nadia.seen("[ops] ! not sent (")
        assert any(
            line.startswith("[ops] ") and line.endswith("omar -> you (privately): psst") for line in nadia.screen.lines
        )

    asyncio.run(run())


def test_what_nothing_else_tells_is_told_when_a_room_is_joined_again(
    port: int, other: Callable[..., Wire], tmp_path: Path
) -> None:
    """A whisper that waited there is in no log."""

    async def run() -> None:
        nadia, omar = Person(port, tmp_path, "ops"), other("omar", "ops")
        async with joined(nadia):
            omar.say_frame(type="whisper", to="nadia", text="psst")
            await nadia.until(lambda: nadia.rooms.activity == "2 ops: 1 (1 for you)", "the whisper")
            elsewhere = other("nadia", "ops", token=TOKEN)
            await nadia.sees("! ops: your nickname joined from elsewhere")
            elsewhere.close()
            nadia.rooms.submit("/join ops")
            await nadia.until(lambda: nadia.rooms.count, "ops again")
            assert nadia.seen("omar -> you (privately): psst")

    asyncio.run(run())


def test_rooms_are_listed_with_their_numbers(port: int, other: Callable[..., Wire], tmp_path: Path) -> None:
    async def run() -> None:
        other("omar", "den")
        nadia = Person(port, tmp_path, "ops")
        async with joined(nadia):
            nadia.rooms.submit("/2")
            nadia.rooms.submit("one")
            await nadia.sees("nadia: one")
            nadia.rooms.submit("/rooms")
            await nadia.sees("den  1 here, 0 messages")
            at = nadia.screen.lines.index("3 rooms:")
            assert nadia.screen.lines[at + 1 :] == [
                "  1 lobby  1 here, 0 messages",
                "* 2 ops  1 here, 1 message",
                "    den  1 here, 0 messages",
            ]

    asyncio.run(run())


def test_leaving_tells_of_every_room_what_was_not_said(tmp_path: Path) -> None:
    """Also of one that is not shown: its name stands before it."""

    async def run(person: Person, port: int, end: Callable[[], None]) -> None:
        async with joined(person):
            end()
            await person.until(lambda: not person.rooms._rooms["ops"].controller.membership.connected, "the end")
            await person.until(lambda: not person.rooms._rooms["lobby"].controller.membership.connected, "the end")
            person.rooms.submit("to lobby")
            person.rooms.submit("/2")
            person.rooms.submit("to ops")
            assert person.rooms.unacknowledged == 2
            assert not person.rooms.submit(""), "an empty line tries all connections again"
            assert await person.rooms.leave(0.1) == 2
        assert person.seen("[lobby] not acknowledged yet: 1 of your lines")
        assert "not acknowledged yet: 1 of your lines; the next join sends them again, once" in person.screen.lines

    server = in_process_server(ServerLimits(rate=0), within=0.1)
    port = server.__enter__()

    async def all_of_it() -> None:
        await run(Person(port, tmp_path, "ops"), port, lambda: server.__exit__(None, None, None) and None)

    asyncio.run(all_of_it())
