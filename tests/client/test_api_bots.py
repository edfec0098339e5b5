"""What a bot runs into, in both forms: a server that comes later, others under its name, its own words."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from chatctl.client import Back, Gap, Join, Leave, Lost, Msg, Redacted, Rename
from chatctl.errors import Closed, NickTaken, NoSuchNick, OutcomeUnknown, Unreachable
from tests.client.conftest import Form
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Serve
from tests.support.scripted_peer import Peer, acknowledge, one_after_another
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import Wire


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


# --- a server that comes later


def test_a_bot_may_start_before_its_server(form: Form, serve: Serve) -> None:
    port = closed_port()
    servers: list[Server] = []
    coming = threading.Thread(target=lambda: servers.append(serve(port=port)))
    coming.start()
    with form.connect(at(port), nick="ci", wait=3 * DEADLINE) as here:
        assert here.say("hi").seq == 1
    coming.join()


def test_what_no_waiting_helps_against_is_raised_at_once(form: Form, house: Server, room: str) -> None:
    house.member("ci", room)
    with pytest.raises(NickTaken):
        form.connect(at(house.port), nick="ci", room=room, wait=3600)


def test_a_short_time_is_used(form: Form, stub: PutStub) -> None:
    """Not one try and the end: a server that is there a moment later is found."""
    tries = threading.Semaphore(0)

    def away(peer: Peer) -> None:
        tries.release()
        peer.close()

    port = stub(one_after_another(away, away, acknowledge)).port
    with form.connect(at(port), nick="ci", wait=4):
        assert tries.acquire(timeout=0)
        assert tries.acquire(timeout=0)


def test_the_next_server_of_a_list(form: Form, house: Server, room: str) -> None:
    with form.connect([at(closed_port()), at(house.port)], nick="ci", room=room) as here, here.follow() as entries:
        here.say("hi")
        assert next(entries).text == "hi"
    with pytest.raises(Unreachable, match=r"refused.*; .*refused"):
        form.connect([at(closed_port()), at(closed_port())], nick="ci")
    with pytest.raises(ValueError, match="no server"):
        form.connect([], nick="ci")


# --- whose words


def test_its_own_words_are_its_own(form: Form, house: Server, room: str) -> None:
    """Somebody else under its name, in another case, says the same: that is not the bot."""
    with form.connect(at(house.port), nick="bot", room=room) as here, here.follow() as entries:
        here.say("hi")
        other = Wire(("127.0.0.1", house.port)).greeted().enter("BOT", room, mode="post")
        other.say("hi")
        found = [next(entries), next(entries)]
        assert [(entry.nick, entry.text, entry.mine) for entry in found] == [("bot", "hi", True), ("BOT", "hi", False)]
        assert all(isinstance(entry, Msg) for entry in found)


def test_a_member_that_takes_its_name_silences_it(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="bot", room=room) as here:
        here.say("hi")
        house.member("bot", room)
        with pytest.raises(NickTaken):
            here.say("ho")


# --- the members


def test_a_member_alone_is_told(form: Form, house: Server, room: str) -> None:
    nadia, omar = house.member("nadia", room), house.member("omar", room)
    with form.connect(at(house.port), nick="bot", room=room) as here:
        assert here.whisper("Nadia", "lunch?").seq is None
        assert (told := nadia.frame("whisper"))["text"] == "lunch?"
        assert told["from"] == "bot"
        with pytest.raises(NoSuchNick, match="abel is not here"):
            here.whisper("abel", "lunch?")
        here.say("done")
    assert "whisper" not in [frame["type"] for frame in frames_up_to(omar, "done")]


def frames_up_to(wire: Wire, text: str) -> list[dict[str, Any]]:
    frames = [wire.next_frame()]
    while frames[-1].get("text") != text:
        frames.append(wire.next_frame())
    return frames


def test_a_whisper_that_may_have_been_told_is_not_told_twice(form: Form, stub: PutStub) -> None:
    """A server does not know a whisper by its id: what became of it is said, and a second connection never made."""
    told: list[str] = []

    def die(peer: Peer) -> None:
        peer.let_in()
        told.append(peer.frame("whisper")["text"])
        peer.close()

    with form.connect(at(stub(one_after_another(die)).port), nick="ci") as here, pytest.raises(OutcomeUnknown):
        here.whisper("nadia", "lunch?")
    assert told == ["lunch?"]


def test_who_is_here(form: Form, house: Server, room: str) -> None:
    house.member("nadia", room)
    with form.connect(at(house.port), nick="bot", room=room) as here:
        assert [member.nick for member in here.who().members] == ["nadia"]
        here.say("hi")
        assert here.who().count == 1
        here.close()
        for call in (here.who, lambda: here.whisper("nadia", "hi")):
            with pytest.raises(Closed):
                call()


def test_a_server_that_does_not_tell_who_is_here_is_given_up(form: Form, stub: PutStub) -> None:
    def deaf(peer: Peer) -> None:
        peer.let_in()
        peer.frame("who")

    with (
        form.connect(at(stub(one_after_another(deaf)).port), nick="ci", timeout=0.5) as here,
        pytest.raises(Unreachable, match="does not answer in time"),
    ):
        here.who()


# --- events


def test_who_comes_and_goes_is_told(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="ci", room=room) as here, here.follow(presence=True) as events:
        nadia = house.member("nadia", room)
        assert next(events) == Join("nadia", 1)
        nadia.say("hi")
        assert next(events).text == "hi"
        nadia.say_frame(type="nick", nick="Nadia2")
        assert next(events) == Rename("nadia", "Nadia2")
        nadia.close()
        assert next(events) == Leave("Nadia2", 0)


def test_without_being_asked_for_there_are_no_events(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="ci", room=room) as here, here.follow() as events:
        house.member("nadia", room).say("hi")
        assert next(events).text == "hi"


def test_a_lost_connection_and_what_changed_meanwhile(form: Form, serve: Serve, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    server.member("nadia")
    with form.connect(at(server.port), nick="ci") as here, here.follow(presence=True) as events:
        server.stop()
        assert isinstance(next(events), Lost)
        serve(*journal, port=server.port)
        assert next(events) == Back()
        assert next(events) == Leave("nadia", 0, "while we were away")


def test_the_members_of_a_large_room_are_asked_for(form: Form, stub: PutStub) -> None:
    """A welcome has not all of them; the roster has, also after a break."""
    rows = [{"nick": nick, "since": 1.0, "idle": 0.0} for nick in ("a", "b")]

    def idle(peer: Peer) -> None:
        peer.let_in()

    def large(peer: Peer) -> None:
        peer.let_in(members=["a"], count=2)
        peer.frame("who")
        peer.send(type="roster", members=rows, count=2, watchers=0)
        peer.send(type="leave", nicks=["b"], count=1)
        peer.send(type="join", nicks=["c"], count=5)  # others came, and we were not told
        peer.frame("who")
        peer.send(type="roster", members=[*rows, {"nick": "c", "since": 1.0, "idle": 0.0}], count=3, watchers=0)
        peer.send(type="redacted", seqs=[3])
        peer.send(type="gap", **{"from": 1, "to": 2}, why="slow")

    with form.connect(at(stub(one_after_another(idle, large)).port), nick="ci") as here:
        events = here.follow(presence=True)
        found = [next(events) for _ in range(5)]
    assert found == [Leave("b", 1), Join("c", 2), Join("b", 3), Redacted([3]), Gap(from_=1, to=2, why="slow")]


def test_a_program_hears_of_its_connections_in_its_log(
    form: Form, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Under ``chatctl``, and nowhere by itself."""
    caplog.set_level(logging.INFO, "chatctl")
    server = serve("--journal", str(tmp_path / "rooms.db"))
    with form.connect(at(server.port), nick="ci") as here, here.follow(presence=True) as events:
        server.stop()
        next(events)
        with pytest.raises(Unreachable):
            here.say("hi", retry_for=0)
    told = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert told[0] == ("chatctl.client", "INFO", f"connected to 127.0.0.1:{server.port}: room lobby, mode post")
    assert any(level == "WARNING" and text.startswith("a connection that follows is lost: ") for _, level, text in told)
    assert any(level == "WARNING" and "connection refused" in text for _, level, text in told)
    assert {name for name, _, _ in told} == {"chatctl.client"}
