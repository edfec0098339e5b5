"""A real server whose wall clock is set: before its start, and while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fixture_types import Run
from tests.support.server_process import Server
from tests.support.shifted_clock import ShiftedClock

DAY = 86_400


class Machine:
    """A machine whose wall clock is ``ahead`` by so many seconds; the monotonic one is right."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self._clock = ShiftedClock(folder, env)
        self._servers: list[Server] = []
        self.set = self._clock.set

    def serve(self, *options: str) -> Server:
        """Start a server that sees this clock."""
        self._servers.append(Server(*options, env=self._clock.env))
        return self._servers[-1]

    def stop(self) -> None:
        """End all servers."""
        for server in self._servers:
            server.stop()


@pytest.fixture
def machine(tmp_path: Path, env: dict[str, str]) -> Iterator[Machine]:
    folder = tmp_path / "machine"
    folder.mkdir()
    machine = Machine(folder, env)
    yield machine
    machine.stop()


def test_a_machine_that_starts_far_ahead_keeps_its_log_until_it_is_told(
    machine: Machine, run: Run, tmp_path: Path
) -> None:
    """Its log was gone within a second of the start, without a line."""
    options = ("--journal", str(tmp_path / "rooms.db"), "--keep-days", "30")
    server = machine.serve(*options)
    server.member("ana", "lobby", mode="post").say("kept", id="1").frame("ack")
    server.stop()
    machine.set(400 * DAY)
    server = machine.serve(*options)
    server.wait_for_log("the clock may be wrong: by this clock most of a room is older than --keep-days")
    assert kept(server) == ["kept"]
    told = run("admin", "trim", "--journal", str(tmp_path / "rooms.db"))
    assert told.stdout == b"what is older than --keep-days is being deleted\n"
    server.stop()  # what its memory holds is still shown; the journal alone is trimmed
    assert kept(machine.serve(*options)) == []


def kept(server: Server) -> list[str]:
    watcher = server.member("watcher", "lobby", mode="watch").say_frame(type="history", after=0, limit=10)
    return [entry["text"] for entry in watcher.frame("page")["entries"]]


def test_an_hour_back_makes_nobody_wait_for_an_hour(machine: Machine, run: Run, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = machine.serve(*journal, "--stall", "500ms")  # the clock is looked at as often
    ana = server.member("ana", "lobby", mode="post")
    assert run("admin", "slow", "3s", *journal).returncode == 0
    ana.say("before", id="1").frame("ack")
    machine.set(-3600)
    server.wait_for_log("the clock was set seconds=-3600")
    answer = ana.say("after", id="2").next_frame()
    assert answer["type"] == "ack" or answer["retry_after"] <= 3
