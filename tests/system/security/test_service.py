"""As a service: what systemd is told, and how little the unit lets the server do."""

from __future__ import annotations

import configparser
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatctl.server.systemd import ServiceManager
from tests.support.environment import DEADLINE, ROOT, clean_env
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.wire import Wire

UNIT = ROOT / "contrib" / "chatctl.service"
MOST_EXPOSED = 1.5


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(DEADLINE)
        yield sock


def told(manager: socket.socket, wanted: str) -> str:
    while not (state := manager.recv(4096).decode()).startswith(wanted):
        assert state == "WATCHDOG=1"
    return state


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*options: str, **environ: str) -> Server:
        servers.append(Server(*options, env=clean_env(tmp_path / "state", **environ)))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
    Wire.close_all()


def test_systemd_is_told_how_it_stands(manager: socket.socket, serve: Callable[..., Server], tmp_path: Path) -> None:
    """Ready once it listens, alive while its loop turns, reloading and ready again, stopping."""
    path = str(tmp_path / "notify")
    server = serve("--tls", "self", "--tls-port", "0", NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
    told(manager, "READY=1")
    server.member("nadia")
    for _ in range(3):
        told(manager, "WATCHDOG=1")
    server.signal(signal.SIGHUP)
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", told(manager, "RELOADING=1"))
    told(manager, "READY=1")
    server.signal(signal.SIGTERM)
    told(manager, "STOPPING=1")
    assert server.wait() == 0


def test_a_manager_that_is_gone_stops_nothing(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(NOTIFY_SOCKET=str(tmp_path / "nobody"), WATCHDOG_USEC="10000")
    assert server.member("nadia").say("hi", id="1").frame("ack")["id"] == "1"


def test_what_it_makes_is_for_its_own_account_alone(serve: Callable[..., Server]) -> None:
    """Whatever file it is, and whoever forgets its mode."""
    status = Path(f"/proc/{serve().process.pid}/status").read_text()
    assert re.search(r"^Umask:\t0077$", status, re.MULTILINE)


def test_what_the_manager_left_is_not_left_for_others(manager: socket.socket, tmp_path: Path) -> None:
    """A watchdog that is meant for another process is not answered, an abstract socket is."""
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1", "HOME": "x"}
    first = ServiceManager(environ)
    assert environ == {"HOME": "x"}
    first.ready()
    assert manager.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hidden:
        hidden.bind(f"\0chatctl-test-{os.getpid()}")
        hidden.settimeout(DEADLINE)
        ServiceManager({"NOTIFY_SOCKET": f"@chatctl-test-{os.getpid()}"}).stopping(5.0)
        assert hidden.recv(100) == b"STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000"
    ServiceManager({"NOTIFY_SOCKET": "relative"}).ready()
    ServiceManager({}).ready()


def test_the_unit_is_one_that_keeps_the_server_in() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNIT)
    service = unit["Service"]
    wanted = {
        "Type": "notify", "DynamicUser": "yes", "StateDirectory": "chatctl", "UMask": "0077", "ProtectSystem": "strict",
        "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes",
        "RestartPreventExitStatus": "2",
    }  # fmt: skip
    assert {name: service[name] for name in wanted} == wanted
    assert service["Restart"] == "always", "it would stay down after a drain, whose clients come back"
    assert "WatchdogSec" in service
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "it would stay down after five failures"
    assert "--log-format json" in service["ExecStart"]


def test_systemd_finds_the_unit_strict() -> None:
    need("systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(UNIT)],
        capture_output=True, text=True, timeout=DEADLINE, check=True,
    )  # fmt: skip
    exposure = re.search(r"Overall exposure level for chatctl\.service: ([\d.]+)", done.stdout)
    assert exposure is not None, done.stdout
    assert float(exposure[1]) <= MOST_EXPOSED
