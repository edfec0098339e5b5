"""Being a member from a program, in both forms: listed, whispered to, across restarts of the server."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from chatctl.client import Back, Gap, Join, Leave, Lost, Msg, Whisper
from chatctl.errors import Closed, Forbidden, NickTaken
from chatctl.protocol import Resume
from tests.client.conftest import Form
from tests.support.fixture_types import Serve
from tests.support.server_process import Server
from tests.support.wire import say_all


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def test_a_member_is_listed_and_announced(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here:
        assert nadia.frame("join", where=lambda frame: "bot" in frame["nicks"])["count"] == 2
        assert sorted(member.nick for member in here.who().members) == ["bot", "nadia"]
        assert here.say("hi").seq == 1
        assert nadia.frame("msg")["nick"] == "bot"
    assert nadia.frame("leave")["nicks"] == ["bot"]


def test_all_that_happens_comes_in_one_order(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with (
        form.connect(at(house.port), nick="bot", room=room, mode="join") as here,
        here.follow(presence=True, whispers=True) as events,
    ):
        nadia.say_frame(type="whisper", to="bot", text="psst")
        told = next(events)
        assert isinstance(told, Whisper)
        assert (told.nick, told.text) == ("nadia", "psst")
        omar = house.member("omar", room)
        assert next(events) == Join("omar", 3)
        omar.say("hello")
        said = next(events)
        assert isinstance(said, Msg)
        assert (said.text, said.mine) == ("hello", False)
        here.say("hello")
        assert next(events).mine is True
        omar.close()
        assert next(events) == Leave("omar", 2)


def test_without_being_asked_for_there_are_entries_alone(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here, here.follow() as entries:
        nadia.say_frame(type="whisper", to="bot", text="psst")
        nadia.say("hi")
        assert next(entries).text == "hi"


def test_the_past_and_then_what_comes(form: Form, house: Server, room: str, tmp_path: Path) -> None:
    """Each entry once where the two meet; also from a place in a file."""
    nadia, kept = house.member("nadia", room), tmp_path / "bot.cursor"
    say_all(nadia, [str(number) for number in range(150)])
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here:
        assert [entry.seq for entry in here.follow(history=120, live=False)] == list(range(31, 151))
        with here.follow(history=2, cursor=kept) as entries:
            say_all(nadia, ["new"])
            assert [next(entries).seq for _ in range(3)] == [149, 150, 151]
        say_all(nadia, ["newer"])
        assert next(here.follow(cursor=kept)).seq == 152
        gap = next(here.follow(resume=Resume("another", 7)))
        assert isinstance(gap, Gap)


def test_a_restart_of_the_server(form: Form, serve: Serve, tmp_path: Path) -> None:
    """It is a member again by itself; what was missed is given, and who left is told."""
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    server.member("nadia")
    with (
        form.connect(at(server.port), nick="bot", mode="join") as here,
        here.follow(presence=True) as events,
    ):
        server.stop()
        assert isinstance(next(events), Lost)
        omar = serve(*journal, port=server.port).member("omar")
        say_all(omar, ["back?"])
        found = []
        while not (found and isinstance(found[-1], Msg)):
            found.append(next(events))
        assert found[0] == Back()
        assert {event.nick for event in found if isinstance(event, Leave)} == {"nadia"}
        assert found[-1].text == "back?"
        assert here.say("yes").seq == 2


def test_a_name_that_is_taken(form: Form, house: Server, room: str) -> None:
    house.member("bot", room)
    with pytest.raises(NickTaken):
        form.connect(at(house.port), nick="bot", room=room, mode="join")


def test_another_of_the_same_name_and_machine_ends_it(form: Form, house: Server, room: str) -> None:
    """Two that came back by themselves would throw each other out for ever."""
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here:
        with (
            here.follow() as entries,
            form.connect(at(house.port), nick="bot", room=room, mode="join"),
            pytest.raises((NickTaken, Forbidden)),
        ):
            next(entries)
        with pytest.raises((NickTaken, Forbidden)):
            next(here.follow())


def test_who_waits_is_ended_by_the_close(form: Form, house: Server, room: str) -> None:
    waits = threading.Event()
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here:
        entries = here.follow()
        waits.set()
        end = form.meanwhile(lambda: form.next(form.raw(entries)), waits, lambda: form.raw(here).close())
        assert isinstance(end, (StopIteration, StopAsyncIteration))
        assert list(entries) == []
        with pytest.raises(Closed):
            here.say("hi")
        here.close()


def test_quiet_is_an_end(form: Form, house: Server, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here:
        assert [entry.text for entry in here.follow(history=1, idle=0.5)] == ["one"]


def test_more_than_a_program_takes_waits_for_it(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here, here.follow() as entries:
        say_all(nadia, [str(number) for number in range(3000)])
        assert [next(entries).text for _ in range(3000)] == [str(number) for number in range(3000)]


def test_no_thread_is_left(house: Server, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocking form has a thread while it is a member, which ends with the room and with a connection refused."""
    from chatctl.client import connect

    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    before = threading.active_count()
    with connect(at(house.port), nick="bot", room=room, mode="join"):
        assert threading.active_count() == before + 1
    house.member("nadia", room)
    with pytest.raises(NickTaken):
        connect(at(house.port), nick="nadia", room=room, mode="join")
    assert threading.active_count() == before


def test_a_member_finds_what_was_said(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="bot", room=room, mode="join") as here:
        here.say("the build failed")
        assert [entry.text for entry in here.search("FAILED")] == ["the build failed"]
