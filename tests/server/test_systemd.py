"""What systemd is told, and when its watchdog is pinged."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from chatctl.server.systemd import ServiceManager


class FakeLoop:
    """Keeps what is to be called later."""

    def __init__(self) -> None:
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> FakeLoop:
        self.due.append((delay, lambda: callback(*args)))
        return self

    def cancel(self) -> None:
        self.cancelled += 1


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Yield the manager's end of its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


def heard(manager: socket.socket) -> list[str]:
    found = []
    try:
        while True:
            found.append(manager.recv(4096).decode())
    except BlockingIOError:
        return found


def started(tmp_path: Path, **variables: str) -> tuple[ServiceManager, dict[str, str]]:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/bin"} | variables
    return ServiceManager(environ), environ


def test_it_is_told_how_the_server_stands(manager: socket.socket, tmp_path: Path) -> None:
    server, environ = started(tmp_path)
    server.ready()
    server.reloading()
    server.stopping(60.0)
    ready, reloading, stopping = heard(manager)
    assert (ready, stopping) == ("READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000")
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert environ == {"PATH": "/bin"}, "a child could notify it in the server's place"


@pytest.mark.parametrize(
    ("variables", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_pinged_twice_in_its_interval(
    manager: socket.socket, tmp_path: Path, variables: dict[str, str], interval: float | None
) -> None:
    server, _ = started(tmp_path, **variables)
    loop = FakeLoop()
    server.watch(cast(Any, loop))
    if interval is None:
        assert (heard(manager), loop.due) == ([], [])
        return
    for _ in range(3):
        assert heard(manager) == ["WATCHDOG=1"]
        [(delay, callback)] = loop.due
        assert delay == interval
        loop.due.clear()
        callback()
    server.close()
    assert loop.cancelled == 1


@pytest.mark.parametrize("path", ["", "relative", "/nobody/there"])
def test_where_there_is_no_manager_nothing_happens(path: str) -> None:
    server = ServiceManager({"NOTIFY_SOCKET": path})
    server.ready()
    server.close()


def test_an_abstract_socket_is_told(tmp_path: Path) -> None:
    name = f"chatctl-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.setblocking(False)
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert heard(sock) == ["READY=1"]
