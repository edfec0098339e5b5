"""Signals that reach ``chatctl serve`` while it starts or drains, and what a start that fails leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import DEADLINE, ROOT, clean_env
from tests.support.fixture_types import Run
from tests.support.processes import err_line, kill
from tests.support.server_process import Server
from tests.support.wire import Wire

Serve = Callable[..., Server]

WHILE_LOADING = """
import os, signal
import chatctl.main
real = chatctl.main.main
def main():
    os.kill(os.getpid(), signal.SIGHUP)  # as if it came while modules are loaded
    real()
chatctl.main.main = main
from chatctl.__main__ import main
main()
"""

WHILE_OPENING = """
import os, signal
from chatctl.server import program
real = program.open_journal
def opened(*arguments):
    os.kill(os.getpid(), signal.SIGNAL)
    return real(*arguments)
program.open_journal = opened
from chatctl.__main__ import main
main()
"""


def start(code: str, env: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=ROOT,
    )


@pytest.mark.parametrize("code", [WHILE_LOADING, WHILE_OPENING.replace("SIGNAL", "SIGHUP")])
def test_a_hangup_before_it_can_reload_is_carried_out_then(code: str, env: dict[str, str], tmp_path: Path) -> None:
    process = start(code, env, "serve", "--port", "0", "--journal", str(tmp_path / "rooms.db"))
    try:
        assert process.stderr is not None
        assert any(b"operator list read again" in line for line in process.stderr)
        process.terminate()
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
    finally:
        kill(process)


def test_other_commands_end_on_a_hangup_as_ever(env: dict[str, str], house: Server) -> None:
    """``tail serve`` has the word on its line, too."""
    arguments = ("tail", "--port", str(house.port), "--match", "serve", "--history", "0", "serve")
    process = start(WHILE_LOADING, env, *arguments)
    assert process.wait(DEADLINE) == 128 + signal.SIGHUP
    process.communicate()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_one_that_comes_while_modules_are_loaded_is_taken_in_order(
    name: str, env: dict[str, str], tmp_path: Path
) -> None:
    """As an exception it could be dropped on its way out of an import, and the server would listen and go on."""
    code = WHILE_LOADING.replace("SIGHUP", name)
    process = start(code, env, "serve", "--port", "0", "--journal", str(tmp_path / "rooms.db"))
    out, _ = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (0, b"")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_wait_for_a_password(name: str, env: dict[str, str], tmp_path: Path) -> None:
    pipe = tmp_path / "password"
    os.mkfifo(pipe, 0o600)
    process = start(WHILE_LOADING.replace("SIGHUP", name), env, "serve", "--port", "0", "--password-file", str(pipe))
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out, err) == (128 + signal.Signals[name], b"", b"")


def test_a_pipe_in_the_place_of_the_password_file_stops_no_server(serve: Serve, tmp_path: Path) -> None:
    """At a reload it is not waited for: the loop stood still, and SIGTERM did nothing."""
    file = tmp_path / "password"
    file.write_text("tulip\n")
    file.chmod(0o600)
    server = serve("--journal", "none", "--password-file", str(file))
    file.unlink()
    os.mkfifo(file, 0o600)
    server.signal(signal.SIGHUP)
    server.wait_for_log("the password stays as it was")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_during_the_start_ends_it_in_order(name: str, env: dict[str, str], tmp_path: Path) -> None:
    """The journal is closed, nobody is told that it listens, and nothing of its sockets is left."""
    arguments = ("serve", "--port", "0", "--unix", str(tmp_path / "unix"), "--journal", str(tmp_path / "rooms.db"))
    process = start(WHILE_OPENING.replace("SIGNAL", name), env, *arguments)
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} <= {"rooms.db", "rooms.db.stamp"}


def test_the_first_signal_after_a_drain_ends_it_in_order(serve: Serve, run: Run, tmp_path: Path) -> None:
    """A member that reads nothing would hold the drain up for an hour; the journal and the sockets are closed all the
    same."""
    journal = tmp_path / "rooms.db"
    server = serve("--rate", "off", "--journal", str(journal))
    stuck = Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted()
    stuck.enter("stuck")
    poster = server.member("poster", mode="post")
    for _ in range(4):
        for _ in range(128):
            poster.say("x" * 4000)
        poster.say("so far", id="1")
        poster.frame("ack")
    assert run("admin", "drain", "--within", "1h", "--journal", str(journal)).returncode == 0
    server.wait_for_log("stopping")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert {path.name for path in tmp_path.iterdir()} == {"rooms.db", "rooms.db.stamp"}


@pytest.mark.parametrize("what", ["TLS port", "admin socket", "stdout"])
def test_a_start_that_fails_removes_what_it_made(
    what: str, run: Run, house: Server, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """But for the certificate that the next start takes."""
    unix, folder = tmp_path / "room.sock", tmp_path / "no folder"
    folder.touch()
    options: dict[str, tuple[str, ...]] = {
        "TLS port": ("--tls", "self", "--tls-port", str(house.port)),
        "admin socket": ("--admin-socket", str(folder / "admin.sock")),
        "stdout": (),
    }
    journal = tmp_path / "state" / "rooms.db"
    journal.parent.mkdir()
    arguments = ("-q", "--unix", str(unix), "--journal", str(journal), *options[what])
    env = clean_env(tmp_path_factory.mktemp("state"))
    done = run("serve", *arguments, port=0, closing=">/dev/full" if what == "stdout" else "", env=env)
    assert done.returncode == 1
    assert err_line(done)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["no folder", "state"]


def test_a_start_that_fails_keeps_a_journal_that_was_there(
    run: Run, house: Server, serve: Serve, tmp_path: Path
) -> None:
    journal = tmp_path / "rooms.db"
    server = serve("--journal", str(journal))
    server.member("nadia").say("kept").frame("msg")
    server.stop()
    assert run("serve", "--journal", str(journal), port=house.port).returncode == 1
    assert b"kept" in run("export", "--journal", str(journal)).stdout


def test_a_start_that_fails_leaves_a_socket_of_somebody_else_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "room.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert run("serve", "--unix", str(path), "--no-tcp").returncode == 1
        assert path.exists()
