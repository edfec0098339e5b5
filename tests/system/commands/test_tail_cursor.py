"""``tail`` over broken connections and between runs: each message once, and what is missing is told."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.fixture_types import PutStub, Run, Serve, Start
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import say_all, wait_for_watcher


def msg(seq: int) -> dict[str, object]:
    return {"type": "msg", "seq": seq, "time": 1.0, "nick": "nadia", "text": str(seq)}


def test_the_next_run_goes_on(house: Server, run: Run, room: str) -> None:
    nadia = house.member("nadia", room)
    arguments = ("tail", "--no-follow", "--json", "--cursor-file", "seen", "--room", room, "-n", "1")

    def texts(*more: str) -> list[str]:
        done = run(*arguments, *more, port=house.port)
        assert (done.returncode, done.stderr) == (0, b"")
        return [json.loads(line)["text"] for line in done.stdout.splitlines()]

    say_all(nadia, ["one", "two"])
    assert texts() == ["two"]
    assert texts() == []
    say_all(nadia, ["three", "four", "five"])
    assert texts("--count", "1") == ["three"]
    assert texts("--match", "five") == ["five"]
    assert texts() == []


def test_the_first_run_takes_its_place_at_once(house: Server, run: Run, room: str) -> None:
    """Though it printed nothing: what is said between two runs belongs to the second."""
    nadia = house.member("nadia", room)
    say_all(nadia, ["before"])
    arguments = ("tail", "--json", "--cursor-file", "seen", "--room", room)
    assert run(*arguments, "-n", "0", "--no-follow", port=house.port).stdout == b""
    say_all(nadia, ["between"])
    done = run(*arguments, "--no-follow", port=house.port)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["between"]


def test_what_was_not_written_is_not_remembered(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), ["one"])
    arguments = ("tail", "--no-follow", "--json", "--cursor-file", "seen", "--room", room)
    with Path("/dev/full").open("wb") as full:
        assert run(*arguments, port=house.port, stdout=full).returncode == 1
    assert run(*arguments, port=house.port, closing="1>&-").returncode == 0
    assert json.loads(run(*arguments, port=house.port).stdout)["text"] == "one"


def test_another_log_is_told(serve: Serve, run: Run, start: Start) -> None:
    """A server that keeps nothing has a new log when it comes back."""
    server = serve()
    arguments = ("tail", "--json", "--cursor-file", "seen")
    say_all(server.member("nadia"), ["one", "two"])
    assert len(run(*arguments, "--no-follow", port=server.port).stdout.splitlines()) == 2
    server.stop()
    server = serve(port=server.port)
    say_all(server.member("nadia"), ["three"])
    done = run(*arguments, "--no-follow", port=server.port)
    assert done.stdout == b""
    assert done.returncode == 1, "who relies on the file may have missed something"
    assert "the log is not the one that was read before" in err_line(done)
    say_all(server.member("rajat"), ["four"])
    assert json.loads(run(*arguments, "--no-follow", port=server.port).stdout)["text"] == "four"


def test_two_with_one_cursor_file(house: Server, run: Run, start: Start, room: str) -> None:
    """Both would run each message, and the slower one would set the place back."""
    say_all(house.member("nadia", room), ["one"])
    arguments = ("tail", "--cursor-file", "seen", "--room", room)
    process = start(*arguments, port=house.port)
    assert line_of(process)
    done = run(*arguments, port=house.port)
    assert (done.returncode, done.stdout) == (1, b"")
    in_use = f"the cursor file seen is in use by pid {process.pid}: two readers need two files"
    assert err_line(done) == f"chatctl: {in_use}"
    process.send_signal(signal.SIGKILL)
    process.wait(8)
    assert run(*arguments, "--no-follow", port=house.port).returncode == 0


def test_another_room_or_server(house: Server, serve: Serve, run: Run, room: str, tmp_path: Path) -> None:
    """Message 3 of one room is not message 3 of another: what is new there would be left out."""
    say_all(house.member("nadia", room), ["one"])
    arguments = ("tail", "--no-follow", "--cursor-file", "seen", "--room")
    first = house.port
    assert run(*arguments, room, port=first).returncode == 0
    before = (tmp_path / "seen").read_bytes()
    house.member("rajat", f"{room}2")
    for port, other in ((house.port, f"{room}2"), (serve("--room", room).port, room)):
        done = run(*arguments, other, port=port)
        assert (done.returncode, done.stdout) == (1, b"")
        here = f"room {room} on 127.0.0.1:{first}, and this is room {other} on 127.0.0.1:{port}"
        assert f"the cursor file seen is of {here}: " in err_line(done)
    assert (tmp_path / "seen").read_bytes() == before


NESTED = '{"epoch":"x","after":1,"z":' + "[" * 5000 + "]" * 5000 + "}"


@pytest.mark.parametrize("content", ["{", "null", '{"epoch":"x"}', '{"epoch":"x","after":-1}', NESTED])
def test_what_is_no_cursor_file(run: Run, tmp_path: Path, content: str) -> None:
    """It is not taken for an empty one: that would print everything again."""
    (tmp_path / "seen").write_text(content)
    done = run("tail", "--cursor-file", "seen", port=1)
    assert done.returncode == 1
    assert err_line(done) == "chatctl: seen is not a cursor file: name another file"


def test_an_empty_file_is_a_fresh_one(house: Server, run: Run, room: str, tmp_path: Path) -> None:
    (tmp_path / "seen").touch()
    assert run("tail", "--cursor-file", "seen", "--no-follow", "--room", room, port=house.port).returncode == 0


def test_a_place_that_can_not_be_written(house: Server, run: Run, room: str) -> None:
    """It is found before anything is printed that could not be remembered."""
    say_all(house.member("nadia", room), ["one"])
    done = run("tail", "--cursor-file", "/dev/null/seen", "--no-follow", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "/dev/null/seen" in err_line(done)


# --- coming back


def test_a_killed_server_comes_back(serve: Serve, start: Start, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    say_all(server.member("nadia"), ["one"])
    process = start("tail", "--json", "--count", "3", port=server.port)
    assert json.loads(line_of(process))["text"] == "one"
    server.signal(signal.SIGKILL)
    server.wait()
    say_all(serve(*journal, port=server.port).member("nadia"), ["two", "three"])
    assert [json.loads(line_of(process))["text"] for _ in range(2)] == ["two", "three"]
    assert process.wait(8) == 0
    notes = told(process).splitlines()
    assert [note.rpartition(":")[2] for note in notes] in ([], [" trying again)", "(connected again)"])


def test_no_reconnect(serve: Serve, start: Start) -> None:
    server = serve()
    say_all(server.member("nadia"), ["one"])
    process = start("tail", "--no-reconnect", port=server.port)
    assert line_of(process)
    server.stop()
    assert process.wait(8) == 3
    assert told(process).startswith("chatctl: the server said bye: ")


def test_nobody_there_at_first(run: Run) -> None:
    done = run("tail", port=closed_port())
    assert done.returncode == 3
    assert "connection refused" in err_line(done)


def test_each_entry_once_whatever_a_server_repeats(stub: PutStub, run: Run) -> None:
    hellos: list[object] = []

    def first(peer: Peer) -> None:
        hellos.append(peer.let_in(last=2)["history"])
        peer.send(**msg(1))
        peer.send(**msg(2))
        peer.sock.sendall(b'{"type":"msg","seq":3,"ti')
        peer.close()

    def second(peer: Peer) -> None:
        hellos.append(peer.let_in(last=3)["resume"])
        for seq in (2, 3, 3, 4):
            peer.send(**msg(seq))

    done = run("tail", "--json", "--count", "4", port=stub(one_after_another(first, second)).port)
    assert done.returncode == 0
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [1, 2, 3, 4]
    assert hellos == [10, {"epoch": "e", "after": 2, "cut": True}]


def test_a_room_that_is_gone_ends_it(stub: PutStub, run: Run) -> None:
    """It will not come back by asking again."""

    def close(peer: Peer) -> None:
        peer.let_in()
        peer.close()

    def refuse(peer: Peer) -> None:
        peer.sock.sendall(b"NAME")
        peer.frame("hello")
        peer.send(type="error", code="room_invalid", text="there is no room")
        peer.close()

    assert run("tail", port=stub(one_after_another(close, refuse)).port).returncode == 6


def test_garbage(stub: PutStub, run: Run) -> None:
    def babble(peer: Peer) -> None:
        peer.let_in()
        peer.sock.sendall(b"this is no frame\n")

    done = run("tail", port=stub(one_after_another(babble)).port)
    assert done.returncode == 7
    err_line(done)


def test_pings_are_answered(stub: PutStub, run: Run) -> None:
    def ping(peer: Peer) -> None:
        peer.let_in()
        peer.send(type="ping", t=7.5)
        assert peer.frame("pong")["t"] == 7.5
        peer.send(**msg(1))

    assert run("tail", "--count", "1", "--timeout", "8s", port=stub(one_after_another(ping)).port).returncode == 0


def test_a_reader_that_went_is_noticed_while_it_tries_again(serve: Serve, start: Start) -> None:
    server = serve()
    say_all(server.member("nadia"), ["one"])
    process = start("tail", port=server.port)
    assert line_of(process)
    server.stop()
    assert process.stderr is not None
    assert b"trying again" in process.stderr.readline()
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(8) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_it_tries_again(serve: Serve, start: Start, number: int, code: int) -> None:
    server = serve()
    with server.member("nadia") as wire:
        process = start("tail", port=server.port)
        wait_for_watcher(wire)
    server.stop()
    assert process.stderr is not None
    assert b"trying again" in process.stderr.readline()
    process.send_signal(number)
    assert process.wait(8) == code
    assert told(process) == ""


@pytest.mark.parametrize(("option", "code"), [("--idle", 0), ("--timeout", 8)])
def test_time_goes_on_while_it_tries_again(stub: PutStub, run: Run, option: str, code: int) -> None:
    def close(peer: Peer) -> None:
        peer.let_in()
        peer.close()

    done = run("tail", option, "600ms", port=stub(one_after_another(close)).port)
    assert done.returncode == code
