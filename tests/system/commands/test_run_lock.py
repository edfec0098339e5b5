"""``chatctl run --lock``: one at a time among all machines, whatever becomes of them and of the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from chatctl.core.limits import ServerLimits
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Run, Serve, Start
from tests.support.in_process_server import in_process_server
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import Wire, log_of

HOLDS = ("sh", "-c", "echo up; read line; exit 0")
"""Runs until its stdin ends; says when it does."""


def line(port: int, *, nick: str = "ci", lock: str = "backup", **more: str) -> list[str]:
    """Give the command line up to CMD."""
    options = {"port": str(port), "nick": nick, "lock": lock, **more}
    return ["run", *(f"--{key}={value}" for key, value in options.items()), "--"]


def locked(start: Start, port: int, *command: str, nick: str = "ci", **more: str) -> subprocess.Popen[bytes]:
    return start(*line(port, nick=nick, **more), *command)


def ends(process: subprocess.Popen[bytes]) -> int:
    """Let it end; return its code."""
    assert process.stdin is not None
    process.stdin.close()
    return process.wait(DEADLINE)


def test_the_second_does_not_start_and_says_who_has_it(
    house: Server, start: Start, run: Run, room: str, tmp_path: Path
) -> None:
    first = locked(start, house.port, *HOLDS, room=room)
    line_of(first)
    second = run(*line(house.port, nick="two", room=room), "touch", str(tmp_path / "ran"))
    assert second.returncode == 8
    assert err_line(second).startswith("chatctl: the lock backup is held by ci since 20")
    assert not (tmp_path / "ran").exists()
    assert run(*line(house.port, lock="other", room=room), "true").returncode == 0
    assert ends(first) == 0
    assert run(*line(house.port, room=room), "true").returncode == 0


def test_the_status_is_cmd_s(house: Server, run: Run, room: str) -> None:
    """And the lock is free again at once, however it ended."""
    for command, code in (("exit 3", 3), ("kill -TERM $$", 143)):
        done = run(*line(house.port, room=room), "sh", "-c", command)
        assert (done.returncode, done.stderr) == (code, b"")
    assert run(*line(house.port, room=room), "./none").returncode == 127
    assert run(*line(house.port, room=room), "true").returncode == 0


def test_of_two_that_race_one_runs(house: Server, start: Start, room: str) -> None:
    """Each in a state directory of its own, as two machines."""
    racers = [locked(start, house.port, *HOLDS, nick=f"m{number}", room=room) for number in range(4)]
    running = []
    for racer in racers:
        assert racer.stdout is not None
        if racer.stdout.readline():
            running.append(racer)
        else:
            assert racer.wait(DEADLINE) == 8
    (winner,) = running
    assert ends(winner) == 0


def test_signals_reach_cmd(house: Server, start: Start, room: str) -> None:
    """The thread that keeps the lock takes none of them."""
    process = locked(
        start, house.port, "sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done", room=room
    )
    line_of(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 5


def test_nobody_there_nothing_runs(run: Run, tmp_path: Path) -> None:
    done = run(*line(closed_port()), "touch", str(tmp_path / "ran"))
    assert (done.returncode, (tmp_path / "ran").exists()) == (3, False)


def test_an_older_server(run: Run, stub: PutStub, tmp_path: Path) -> None:
    """The line says which side to update."""

    def old(sock: object) -> None:
        Peer(sock).let_in()  # type: ignore[arg-type]

    done = run(*line(stub(old).port), "touch", str(tmp_path / "ran"))
    assert (done.returncode, (tmp_path / "ran").exists()) == (6, False)
    assert "update chatctl where" in err_line(done)


def test_it_outlives_a_restart_of_the_server(
    serve: Serve, start: Start, run: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Killed, and then stopped in order."""
    journal = str(tmp_path_factory.mktemp("journal") / "rooms.db")
    server = serve("--journal", journal)
    holder = locked(start, server.port, *HOLDS)
    line_of(holder)
    server.signal(signal.SIGKILL)
    server.wait()
    server = serve("--journal", journal, port=server.port)
    assert run(*line(server.port, nick="two"), "true").returncode == 8
    server.stop()
    server = serve("--journal", journal, port=server.port)
    assert run(*line(server.port, nick="two"), "true").returncode == 8
    assert ends(holder) == 0
    assert "lock" not in told(holder)
    assert run(*line(server.port, nick="two"), "true").returncode == 0


def test_a_killed_holder_s_lock_is_free_after_the_grace(start: Start, run: Run) -> None:
    """CMD may go on: nobody is there to say so. That is what advisory means."""
    with in_process_server(ServerLimits(ping_seconds=0.5), grace=2.0) as port:
        holder = locked(start, port, *HOLDS)
        line_of(holder)
        watch = Wire(("127.0.0.1", port)).greeted().enter("", mode="watch", token="c" * 32)
        look = {"type": "lease", "kind": "lock", "name": "backup", "holder": "d" * 32, "do": "look"}
        holder.kill()
        holder.wait(DEADLINE)
        assert watch.say_frame(**look).frame("lease").get("since") is not None, "a command would take longer to start"
        while watch.say_frame(**look).frame("lease").get("since") is not None:
            os.sched_yield()
        assert run(*line(port, nick="two"), "true").returncode == 0


def test_a_lock_that_another_took_is_told_in_the_room_and_on_stderr(serve: Serve, start: Start, run: Run) -> None:
    """The server forgot all, and another was faster. CMD goes on."""
    server = serve()
    holder = locked(start, server.port, *HOLDS, title="the job")
    line_of(holder)
    port = server.port
    holder.send_signal(signal.SIGSTOP)
    server.stop()
    server = serve(port=port)
    other = locked(start, port, *HOLDS, nick="eve")
    line_of(other)
    holder.send_signal(signal.SIGCONT)
    nadia = server.member("nadia")
    nadia.frame("msg", where=lambda frame: frame["text"] == "lost the lock backup to eve, and continues: the job")
    assert ends(holder) == 0
    assert "chatctl: the lock backup is lost, and CMD continues: eve has it now" in told(holder)
    assert ends(other) == 0
    assert any(text.startswith("done in") for text in log_of(nadia))


def test_a_server_that_is_gone_for_too_long_is_told_on_stderr(start: Start) -> None:
    """CMD goes on, and its status is ours."""
    with in_process_server(ServerLimits(), grace=0.3) as port:
        holder = start(*line(port)[:-1], "--quiet-success", "--", *HOLDS)
        line_of(holder)
    assert holder.stderr is not None
    assert b"the lock backup is lost, and CMD continues: " in (said := holder.stderr.readline())
    assert said.endswith(b"; another run may start\n")
    assert ends(holder) == 0


def test_an_operator_frees_it(serve: Serve, start: Start, run: Run, tmp_path: Path) -> None:
    """The one who looks after the machines at night sees who blocks the job; CMD goes on, and its room hears that."""
    journal = ("--journal", str(tmp_path / "kept" / "rooms.db"))
    server = serve(*journal)
    nadia = server.member("nadia")
    holder = locked(start, server.port, *HOLDS, title="the job")
    line_of(holder)
    [row] = map(json.loads, run("admin", "locks", "--json", *journal).stdout.splitlines())
    assert {key: row[key] for key in ("kind", "name", "room", "nick")} == {
        "kind": "lock", "name": "backup", "room": "lobby", "nick": "ci",
    }  # fmt: skip
    done = run("admin", "unlock", "backup", "its machine is gone", *journal)
    first, second = done.stdout.decode().splitlines()
    assert (done.returncode, first) == (0, "the lock backup of ci was freed: its machine is gone")
    assert second == "  nick=ci  room=lobby  address=this machine"
    assert nadia.frame("notice")["text"] == first
    nadia.frame("msg", where=lambda frame: frame["text"] == "lost the lock backup, and continues: the job")
    assert run(*line(server.port, nick="two"), "true").returncode == 0
    assert ends(holder) == 0
    assert told(holder) == (
        "chatctl: the lock backup is lost, and CMD continues: an operator freed it: its machine is gone\n"
    )
    gone = run("admin", "unlock", "backup", *journal)
    assert gone.returncode == 6
    assert err_line(gone).startswith("chatctl: there is no lock or open question 'backup' in lobby")
