"""``chatctl serve`` with sockets that systemd holds: as systemd hands them over, and by its own tool."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.fixture_types import Run
from tests.support.needs import need
from tests.support.processes import kill
from tests.support.wire import Wire
from tests.system.commands.manager import Manager


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "room.sock"))
        sock.listen()
        yield sock


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def test_clients_wait_for_the_next_server(tcp: socket.socket, unix: socket.socket, tmp_path: Path, run: Run) -> None:
    """Between two servers a connection is neither refused nor lost: a drain leaves the sockets as they are."""
    manager, port = Manager(tmp_path, plain=tcp, plain_=unix), tcp.getsockname()[1]
    with manager.running() as (server, lines):
        assert f"listening on 127.0.0.1:{port}" in lines[0]
        assert lines[1].endswith(f"listening on {tmp_path}/room.sock")
        assert lines[-1] == f"join with: chatctl join --host 127.0.0.1 --port {port}"
        Wire(("127.0.0.1", port)).greeted().enter("nadia").say("before").frame("msg")
        Wire(str(tmp_path / "room.sock")).greeted().enter("omar")
        assert run("admin", "drain", "--journal", str(tmp_path / "rooms.db")).returncode == 0
        assert server.wait(DEADLINE) == 0
    assert (tmp_path / "room.sock").exists()
    early, local = Wire(("127.0.0.1", port)), Wire(str(tmp_path / "room.sock"))
    early.say_frame(type="hello", v=1, nick="nadia", history=9)
    with manager.running():
        assert early.greeted().frame("msg")["text"] == "before"
        local.greeted().enter("omar")


def test_tls_has_the_socket_of_that_name(tcp: socket.socket, tmp_path: Path, run: Run) -> None:
    port = tcp.getsockname()[1]
    with Manager(tmp_path, tls=tcp).running("--tls", "self", "--no-plain") as (_, lines):
        assert lines[0].endswith(f"listening on 127.0.0.1:{port} with TLS")
        joins = re.search(r"--pin (\S+)", lines[-1])
        assert joins is not None
        assert run("send", "hi", "--tls", "--pin", joins[1], port=port).returncode == 0


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("tls", (), "systemd hands over a socket named tls: add --tls self or --tls-cert PATH"),
        ("plain", ("--tls", "self"), "systemd hands over no socket for TLS"),
        ("plain", ("--tls", "self", "--no-plain"), "systemd hands over no socket for TLS"),
        ("web", (), "systemd hands over a socket named web: add --web PORT"),
        ("plain", ("--web", "0"), "systemd hands over no socket for --web"),
        ("metrics", (), "systemd hands over a socket named metrics: add --metrics PORT"),
        ("plain", ("--metrics", "0"), "systemd hands over no socket for --metrics"),
        ("http", (), "call it plain, tls, web or metrics"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(
    name: str, options: tuple[str, ...], told: str, tcp: socket.socket, tmp_path: Path
) -> None:
    process = Manager(tmp_path, **{name: tcp}).start(*options)
    try:
        out, err = process.communicate(timeout=DEADLINE)
    finally:
        kill(process)
    assert (process.returncode, out) == (1, b"")
    assert told in err.decode()
    assert not (tmp_path / "rooms.db").exists()


def test_systemd_s_own_tool_starts_it_at_the_first_connection(tmp_path: Path) -> None:
    need("systemd-socket-activate")
    path, state = tmp_path / "room.sock", clean_env(tmp_path / "state")
    variables = [f"--setenv={name}={value}" for name, value in state.items()]
    process = subprocess.Popen(
        [
            "systemd-socket-activate",
            "-l",
            str(path),
            "--fdname=plain",
            *variables,
            *CHATCTL,
            "serve",
            "--journal",
            "none",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        assert b"Listening on" in process.stderr.readline()
        Wire(str(path)).greeted().enter("nadia").say("hi").frame("msg")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
    finally:
        kill(process)
