"""``chatctl probe``: one line and the exit codes of the monitoring plugins."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable

import pytest

from tests.support.fixture_types import Run
from tests.support.scripted_peer import let_in
from tests.support.server_process import Server
from tests.support.stub import Stub, closed_port


def test_ok(house: Server, run: Run, room: str) -> None:
    with house.member("nadia", room):
        done = run("probe", "--room", room, port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(
        rf"OK chatctl: echo \d+\.\d ms, 1 member in {room}"
        r" \| connect=0\.\d{6}s;;;0 rtt=0\.\d{6}s;;;0 echo=0\.\d{6}s;;;0 users=1;;;0 silence=U;;;0\n",
        done.stdout.decode(),
    )


def test_json(house: Server, run: Run, room: str) -> None:
    result = json.loads(run("probe", "--json", "--room", room, port=house.port).stdout)
    assert (result["state"], result["users"]) == ("OK", 0)
    assert 0 < result["echo"] < 5


def test_nobody_sees_it(house: Server, run: Run, room: str) -> None:
    """It goes the whole way, commit included, and leaves no message, no number and no name."""
    with house.member("nadia", room) as wire:
        assert run("probe", "--room", room, port=house.port).returncode == 0
        msg = wire.say("mine is the first").next_frame()
        assert (msg["type"], msg["seq"]) == ("msg", 1)
        assert house.member("rajat", room, history=100).frame("msg")["seq"] == 1


def silent(_: socket.socket) -> None:
    """Accept, and say nothing."""


def web(sock: socket.socket) -> None:
    sock.recv(4096)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("peer", "said"), [(silent, "does not answer"), (web, "a web server answered"), (let_in, "did not answer in time")]
)
def test_whatever_is_wrong_there_is_critical(
    run: Run, stub: Callable[..., Stub], peer: Callable[[socket.socket], None], said: str
) -> None:
    """A refused connection is no UNKNOWN: nobody would be woken by that."""
    done = run("probe", "--timeout", "900ms", port=stub(peer).port)
    assert done.returncode == 2
    line = done.stdout.decode()
    assert line.startswith("CRITICAL chatctl: ")
    assert said in line
    assert line.count("\n") == 1


def test_not_there_is_critical(run: Run) -> None:
    done = run("probe", port=closed_port())
    assert done.returncode == 2
    assert done.stdout.startswith(b"CRITICAL chatctl: cannot reach")


def test_no_such_room_is_critical(house: Server, run: Run) -> None:
    assert run("probe", "--room", "No", port=house.port).returncode == 2


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--timeout", "soon"], ["surplus"], ["--port", "0"]])
def test_wrong_usage_is_unknown(run: Run, arguments: list[str]) -> None:
    """2 would page somebody at night for a typing error in a configuration."""
    assert run("probe", *arguments).returncode == 3


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_unknown(run: Run, option: str) -> None:
    """A check that was set up with it must not be green."""
    done = run("probe", option)
    assert (done.returncode, done.stderr) == (3, b"")
    assert b"Usage: chatctl probe" in done.stdout
