"""Following from a program, in both forms: each entry once, in order, whatever breaks."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from chatctl.errors import RoomInvalid, Unreachable
from chatctl.protocol import Gap, Msg, Resume
from tests.client.conftest import Form
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Serve
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.wire import say_all


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def msg(seq: int) -> dict[str, Any]:
    return {"type": "msg", "seq": seq, "time": 1.0, "nick": "nadia", "text": str(seq)}


def idle(peer: Peer) -> None:
    """Let in the connection on which nothing is said."""
    peer.let_in()


def texts(entries: Any, count: int) -> list[str]:
    """Take so many entries, all of which are messages."""
    taken = [next(entries) for _ in range(count)]
    return [entry.text for entry in taken if isinstance(entry, Msg)]


def test_the_past_and_then_what_comes(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    say_all(nadia, ["one", "two", "three"])
    with form.connect(at(house.port), nick="ci", room=room) as here, here.follow(history=2) as entries:
        here.say("four")
        assert texts(entries, 3) == ["two", "three", "four"]
        nadia.say("five")
        entry = next(entries)
        assert (entry.seq, entry.nick, entry.text) == (5, "nadia", "five")


def test_from_now_on_begins_with_the_block(form: Form, house: Server, room: str) -> None:
    """What is said right after it began is not missed, and what was said before is not shown."""
    with form.connect(at(house.port), nick="ci", room=room) as here:
        here.say("before")
        with here.follow() as entries:
            here.say("after")
            assert texts(entries, 1) == ["after"]


def test_the_past_alone(form: Form, house: Server, room: str) -> None:
    """More of it than a server gives on entering."""
    many = [str(number) for number in range(150)]
    say_all(house.member("nadia", room), many)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        assert [entry.text for entry in here.follow(history=1000, live=False)] == many
        assert list(here.follow(live=False)) == []


def test_quiet_is_an_end(form: Form, house: Server, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    with form.connect(at(house.port), nick="ci", room=room) as here:
        entries = here.follow(history=9, idle=0.7)
        assert [entry.text for entry in entries] == ["one"]
        assert list(entries) == []  # an end is an end


def test_a_killed_server_leaves_no_hole_and_no_repeat(form: Form, serve: Serve, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    notices: list[str] = []
    with form.connect(at(server.port), nick="ci", notice=notices.append) as here:
        say_all(server.member("nadia"), ["one", "two"])
        with here.follow(history=9) as entries:
            assert texts(entries, 1) == ["one"]  # "two" is under way to us
            server.signal(signal.SIGKILL)
            server.wait()
            say_all(serve(*journal, port=server.port).member("nadia"), ["three", "four"])
            assert texts(entries, 3) == ["two", "three", "four"]
            assert here.say("five").seq == 5
            assert texts(entries, 1) == ["five"]
    assert notices[1:] in ([], ["(connected again)"]), "nothing, if it took less than two seconds"


def test_a_second_run_goes_on_where_the_first_one_stood(form: Form, house: Server, room: str) -> None:
    say_all(house.member("nadia", room), ["one", "two", "three"])
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with here.follow(history=9) as entries:
            assert texts(entries, 2) == ["one", "two"]
        assert isinstance(entries.place, Resume)
        assert [entry.text for entry in here.follow(resume=entries.place, live=False)] == ["three"]


def test_what_can_not_be_given_is_told(form: Form, house: Server, room: str) -> None:
    """The place was one in another log."""
    say_all(house.member("nadia", room), ["one"])
    with (
        form.connect(at(house.port), nick="ci", room=room) as here,
        here.follow(resume=Resume("another", 7)) as entries,
    ):
        gap = next(entries)
        assert isinstance(gap, Gap)
        assert gap.why == "lost"
        here.say("two")
        assert texts(entries, 1) == ["two"]


def test_a_slow_reader_is_told_what_it_missed(form: Form, stub: PutStub) -> None:
    def slow(peer: Peer) -> None:
        peer.let_in()
        peer.send(**msg(1))
        peer.send(type="gap", **{"from": 2, "to": 4}, why="slow")
        peer.send(**msg(5))

    with form.connect(at(stub(one_after_another(idle, slow)).port), nick="ci") as here, here.follow() as entries:
        assert texts(entries, 1) == ["1"]
        assert next(entries) == Gap(from_=2, to=4, why="slow")
        assert texts(entries, 1) == ["5"]


def test_more_than_a_program_takes_waits_for_it(form: Form, house: Server, room: str) -> None:
    """Five thousand entries in one go, none of them lost."""
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here, here.follow() as entries:
        say_all(nadia, [str(number) for number in range(5000)])
        assert texts(entries, 5000) == [str(number) for number in range(5000)]


def test_the_first_connection_has_to_succeed(form: Form, serve: Serve) -> None:
    """Later ones are tried again; the first one says what is wrong."""
    server = serve()
    with form.connect(at(server.port), nick="ci") as here:
        server.stop()
        with pytest.raises(Unreachable, match="connection refused"):
            next(here.follow())


def test_a_refusal_ends_it(form: Form, stub: PutStub) -> None:
    """Another server stands there now, without this room: that no retry helps."""

    def refuse(peer: Peer) -> None:
        peer.sock.sendall(b"NAME")
        peer.frame("hello")
        peer.send(type="error", code="room_invalid", text="there is no such room")

    def once(peer: Peer) -> None:
        peer.let_in()
        peer.close()

    with (
        form.connect(at(stub(one_after_another(idle, once, refuse)).port), nick="ci") as here,
        pytest.raises(RoomInvalid, match="no such room"),
    ):
        list(here.follow())


def test_cut_short_it_goes_on(form: Form, stub: PutStub) -> None:
    """A wait that was cancelled has taken nothing; asyncio goes on with the same connection."""
    cut = threading.Event()

    def silent(peer: Peer) -> None:
        peer.let_in()
        os.kill(os.getpid(), signal.SIGUSR1)
        assert cut.wait(DEADLINE)
        peer.send(**msg(1))  # which fails where a blocking socket was closed
        peer.frame("never")

    def calm(peer: Peer) -> None:
        peer.let_in()
        peer.send(**msg(1))

    with form.connect(at(stub(one_after_another(idle, silent, calm)).port), nick="ci") as here:
        entries = here.follow()
        with form.cut_short():
            texts(entries, 2)
        cut.set()
        assert texts(entries, 1) == ["1"]


def test_the_end_of_the_room_is_the_end_of_what_is_followed(form: Form, house: Server, room: str) -> None:
    """No connection is left behind, also of one that nobody closed."""
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        entries = here.follow(history=0)
        here.say("one")
        with here.follow(history=1) as other:
            texts(other, 1)
        say_all(nadia, ["two"])
        next(here.follow(history=1))
    assert list(entries) == []
    nadia.say_frame(type="who")
    while nadia.frame("roster")["watchers"]:
        nadia.say_frame(type="who")
