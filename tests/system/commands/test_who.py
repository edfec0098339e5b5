"""``chatctl who``: columns for programs, a table for people, changes as they come."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE
from tests.support.fixture_types import PutStub, Serve, Start
from tests.support.in_process import InProcess
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import wait_for_watcher


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    """Run commands in this process: there are many of them here."""
    return InProcess(env, tmp_path, monkeypatch, capfd)


STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"


def test_plain_columns_in_a_pipe(house: Server, run: InProcess, room: str) -> None:
    """Three words a line, whatever the names are: for awk and ``read``."""
    with house.member("nadia", room), house.member("Łukasz", room):
        done = run("who", "--room", room, port=house.port)
    lines = done.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["nadia", "Łukasz"]
    assert all(re.fullmatch(rf"\S+ {STAMP} \d+", line) for line in lines)


def test_a_table_on_a_terminal(house: Server, env: dict[str, str], room: str) -> None:
    ours, theirs = pty.openpty()
    with house.member("nadia", room):
        subprocess.run(
            [*CHATCTL, "who", "--room", room, "--port", str(house.port)],
            stdout=theirs,
            env=env,
            check=True,
            timeout=DEADLINE,
        )
    os.close(theirs)
    shown = os.read(ours, 4096).decode()
    os.close(ours)
    head, row = shown.split("\r\n")[:2]
    assert head.split() == ["NICK", "SINCE", "IDLE"]
    assert re.fullmatch(r"nadia  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \d+ s", row)


def test_count(house: Server, run: InProcess, room: str) -> None:
    assert run("who", "--count", "--room", room, port=house.port).stdout == b"0\n"
    with house.member("nadia", room), house.member("abel", room), house.member("", room, mode="watch"):
        assert run("who", "--count", "--room", room, port=house.port).stdout == b"2\n"
        as_json = run("who", "--count", "--json", "--room", room, port=house.port)
        assert json.loads(as_json.stdout) == {"count": 2, "watchers": 1}
        assert run("who", "NADIA", "--count", "--room", room, port=house.port).stdout == b"1\n"
        done = run("who", "rajat", "--count", "--room", room, port=house.port)
    assert (done.returncode, done.stdout, err_line(done)) == (8, b"0\n", "chatctl: rajat is not here")


def test_rooms(house: Server, run: InProcess, room: str) -> None:
    """A line a room."""
    with house.member("nadia", room) as nadia, house.member("abel", room):
        nadia.say("hello", id="1")
        nadia.frame("ack")
        lines = run("who", "--rooms", "--room", room, port=house.port).stdout.decode().splitlines()
        rows = run("who", "--rooms", "--json", "--room", room, port=house.port).stdout.decode().splitlines()
    assert f"{room} 2 1" in lines
    assert any(line.startswith("lobby ") for line in lines)
    assert json.loads(next(row for row in rows if f'"{room}"' in row)) == {
        "name": room,
        "members": 2,
        "last": 1,
        "topic": "",
    }


def test_rooms_of_an_older_server(run: InProcess, stub: PutStub) -> None:
    """It is asked for nothing that it does not know; and the line says which side to update."""
    done = run("who", "--rooms", port=stub(one_after_another(lambda peer: peer.let_in())).port)
    assert (done.returncode, done.stdout) == (6, b"")
    assert err_line(done) == "chatctl: a list of rooms takes a newer server: update chatctl where 'stub' runs"


def test_watch(house: Server, start: Start, room: str) -> None:
    """A line a change, as it happens; those who were there before are none."""
    abel = house.member("abel", room)
    process = start("who", "--watch", "--room", room, port=house.port)
    wait_for_watcher(abel)
    nadia = house.member("nadia", room)
    assert re.fullmatch(rf"{STAMP} join nadia", line_of(process))
    nadia.say_frame(type="nick", nick="Nadia2")
    assert re.fullmatch(rf"{STAMP} rename nadia Nadia2", line_of(process))
    nadia.close()
    assert re.fullmatch(rf"{STAMP} leave Nadia2", line_of(process))
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 130
    assert told(process) == ""


def test_watch_one_name(house: Server, start: Start, room: str) -> None:
    """What others do is none of its business, but taking that name is."""
    abel = house.member("abel", room)
    process = start("who", "NADIA", "--watch", "--json", "--room", room, port=house.port)
    wait_for_watcher(abel)
    house.member("rajat", room).close()
    abel.say_frame(type="nick", nick="nadia")
    change = json.loads(line_of(process))
    assert (change["type"], change["old"], change["nick"]) == ("rename", "abel", "nadia")
    abel.close()
    change = json.loads(line_of(process))
    assert (change["type"], change["nick"], change["count"]) == ("leave", "nadia", 0)
    assert change["time"] > 1e9


def test_watch_survives_a_restart_and_tells_what_changed(serve: Serve, start: Start) -> None:
    """Presence is not replayed: it is compared."""
    first = serve()
    abel = first.member("abel")
    process = start("who", "--watch", port=first.port)
    wait_for_watcher(abel)
    first.stop()
    second = serve(port=first.port)
    nadia = second.member("nadia")
    changes = {line_of(process).split(" ", 1)[1]}
    while "join nadia" not in changes:
        changes.add(line_of(process).split(" ", 1)[1])
    assert changes == {"leave abel", "join nadia"}
    nadia.close()
    assert line_of(process).endswith(" leave nadia")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 143
    assert [line.rpartition(":")[2] for line in told(process).splitlines()] in (
        [],  # it took less than two seconds
        [" trying again)", "(connected again)"],
    )


def test_watch_notices_that_it_has_missed_a_change(stub: PutStub, start: Start) -> None:
    """A server drops changes for a reader that is slow; each frame has the number of members after it."""

    def dropping(peer: Peer) -> None:
        peer.let_in(members=["a", "b"], count=2)
        peer.send(type="leave", nicks=["b"], count=0)  # a has left, too, or more leave in the same moment
        peer.send(type="pong", last=1)
        assert peer.frame("who")
        peer.send(type="roster", members=[{"nick": "c", "since": 1.0, "idle": 0.0}], count=1, watchers=0)

    process = start("who", "--watch", port=stub(one_after_another(dropping)).port)
    assert [line_of(process).split(" ", 1)[1] for _ in range(3)] == ["leave b", "leave a", "join c"]


def test_watch_ends_at_its_deadline(house: Server, run: InProcess, room: str) -> None:
    done = run("who", "--watch", "--timeout", "1s", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (8, b"")
    assert err_line(done) == "chatctl: the deadline passed"


def test_watch_ends_quietly_when_nobody_reads(house: Server, start: Start, room: str) -> None:
    abel = house.member("abel", room)
    process = start("who", "--watch", "--room", room, port=house.port)
    wait_for_watcher(abel)
    assert process.stdout is not None
    process.stdout.close()
    for number in range(100):  # the first of them it may still find in its first look
        house.member(f"nadia{number}", room)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(DEADLINE / 100)
            break
    assert process.wait(DEADLINE) == 0
    assert told(process) == ""


def test_watch_where_nobody_is(run: InProcess) -> None:
    """The first time there is nothing to come back to."""
    assert run("who", "--watch", port=closed_port()).returncode == 3


def test_watch_and_count_exclude_each_other(run: InProcess) -> None:
    assert run("who", "--watch", "--count").returncode == 2


def test_help_tells_all(run: InProcess) -> None:
    shown = run("who", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "--watch"):
        assert part in shown
