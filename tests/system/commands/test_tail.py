"""``chatctl tail``: the past that was asked for, then what comes, a line each."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.support.fixture_types import Run, Start
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import wait_for_watcher


def first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode()


def test_the_past(house: Server, run: Run, room: str) -> None:
    with house.member("nadia", room) as wire:
        for text in ("one", "two", "three"):
            wire.say(text)
        wire.texts(last="three")
        done = run("tail", "-n", "2", "--no-follow", "--room", room, port=house.port)
    assert done.returncode == 0
    lines = done.stdout.decode().splitlines()
    assert [line.rpartition(" nadia: ")[2] for line in lines] == ["two", "three"]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d nadia: ", lines[0])


def test_an_empty_past(house: Server, run: Run, room: str) -> None:
    done = run("tail", "--no-follow", "--room", room, port=house.port)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_more_past_than_a_server_gives_on_entering(serve: Callable[..., Server], run: Run) -> None:
    """250 are over the backlog of 100: the rest comes in pages, and in order."""
    server = serve("--rate", "off")
    said = [f"line {number}" for number in range(300)]
    assert run("send", "--lines", stdin="\n".join(said).encode(), port=server.port).returncode == 0
    done = run("tail", "-n", "250", "--no-follow", "--json", port=server.port)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == said[50:]


def test_waiting_for_somebody_to_speak(house: Server, start: Start, room: str) -> None:
    process = start("tail", "-n", "0", "--count", "1", "--room", room, port=house.port)
    with house.member("nadia", room) as wire:
        wait_for_watcher(wire)
        wire.say("now")
        assert process.wait(8) == 0
        assert "nadia: now" in first_line(process)


def test_count_not_reached_in_time(house: Server, run: Run, room: str) -> None:
    """A condition that was not met: nothing is unknown here."""
    done = run("tail", "-n", "0", "--count", "1", "--timeout", "1s", "--room", room, port=house.port)
    assert done.returncode == 8
    assert "the deadline passed" in err_line(done)


def test_nothing_raw_reaches_the_terminal(house: Server, run: Run, room: str) -> None:
    """And a second line can't pass for another author's."""
    evil = "\x1b[2J\x9d0;title\x07\u202e\rboss: yes\nboss: pay them"
    with house.member("nadia", room) as wire:
        wire.say(evil).frame("msg")
        shown = run("tail", "--no-follow", "--room", room, port=house.port).stdout.decode()
        as_json = run("tail", "--no-follow", "--json", "--room", room, port=house.port).stdout.decode()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown + as_json)
    assert all(" nadia: " in line for line in shown.splitlines())
    assert json.loads(as_json)["text"] == evil


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_and_terminated(house: Server, run: Run, start: Start, room: str, number: int, code: int) -> None:
    assert run("send", "hi", "--room", room, port=house.port).returncode == 0
    process = start("tail", "--room", room, port=house.port)
    assert first_line(process)
    process.send_signal(number)
    assert process.wait(8) == code
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_nobody_reads_it_any_more(house: Server, run: Run, start: Start, room: str) -> None:
    """``chatctl tail | head -1`` ends with the next message, quietly and well."""
    assert run("send", "one", "--room", room, port=house.port).returncode == 0
    process = start("tail", "--room", room, port=house.port)
    assert first_line(process)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert run("send", "two", "--room", room, port=house.port).returncode == 0
    assert process.wait(8) == 0
    assert process.stderr.read() == b""


def test_a_closed_stdout_is_quiet(house: Server, run: Run, start: Start, room: str) -> None:
    assert run("send", "one", "--room", room, port=house.port).returncode == 0
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = start("tail", "--no-follow", "--room", room, port=house.port, stdout=writer)
        assert process.wait(8) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
    finally:
        os.close(writer)


def test_no_such_room(serve: Callable[..., Server], run: Run) -> None:
    done = run("tail", "--room", "nowhere", port=serve().port)
    assert done.returncode == 6
    assert "there is no room 'nowhere'" in err_line(done)


def test_a_server_that_stops(serve: Callable[..., Server], run: Run, start: Start) -> None:
    """Who follows is told that there is nothing to follow any more."""
    server = serve()
    assert run("send", "hi", port=server.port).returncode == 0
    process = start("tail", "--no-reconnect", port=server.port)
    assert first_line(process)
    server.stop()
    assert process.wait(8) == 3
    assert process.stderr is not None
    assert b"the server said bye" in process.stderr.read()
