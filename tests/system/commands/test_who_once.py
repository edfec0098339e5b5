"""``chatctl who``: who is here, as a table, as JSON, as an exit code."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.scripted_peer import let_in
from tests.support.server_process import Server
from tests.support.stub import Stub, closed_port


def test_everybody(house: Server, run: Run, room: str) -> None:
    with house.member("nadia", room), house.member("rajat", room):
        done = run("who", "--room", room, port=house.port)
        as_json = run("who", "--json", "--room", room, port=house.port)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.decode().splitlines()] == ["nadia", "rajat"]
    rows = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [row["nick"] for row in rows] == ["nadia", "rajat"]
    assert all(row["since"] > 0 and row["idle"] >= 0 and row["key"] is None for row in rows)


def test_nobody_is_no_failure(house: Server, run: Run, room: str) -> None:
    done = run("who", "--room", room, port=house.port)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_one_name(house: Server, run: Run, room: str) -> None:
    """``chatctl who nadia && …``: however it is cased."""
    with house.member("Nadia", room), house.member("rajat", room):
        done = run("who", "NADIA", "--room", room, port=house.port)
        assert done.returncode == 0
        assert done.stdout.startswith(b"Nadia ")
        assert len(done.stdout.splitlines()) == 1
        done = run("who", "abel", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (8, b"")
    assert err_line(done) == "chatctl: abel is not here"


def test_a_name_that_is_none(run: Run) -> None:
    assert run("who", "no name").returncode == 5


def test_asking_changes_nothing(house: Server, run: Run, room: str) -> None:
    with house.member("nadia", room) as wire:
        run("who", "--room", room, port=house.port)
        assert wire.say("still alone").next_frame()["type"] == "msg"


def test_exit_codes(run: Run, stub: Callable[..., Stub], house: Server) -> None:
    assert run("who", port=closed_port()).returncode == 3
    assert run("who", "--room", "No", port=house.port).returncode == 6
    assert run("who", "--port", "70000").returncode == 2
    assert run("who", "--timeout", "500ms", port=stub(let_in).port).returncode == 8

    def babble(sock: socket.socket) -> None:
        let_in(sock)
        sock.sendall(b"this is no frame\n")

    assert run("who", port=stub(babble).port).returncode == 7
