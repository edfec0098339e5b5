"""A server for all tests of this folder, each of which has a room of its own there; and the commands."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.support import CHATCTL, DEADLINE, FirstVersionServer, Server, Stub, Wire, clean_env, kill

_numbers = itertools.count(1)


class Run(Protocol):
    """Runs a command to its end."""

    def __call__(
        self, *arguments: str, stdin: bytes | None = None, port: int | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Give what became of it. ``stdin`` None is a closed stdin."""


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the commands' environment."""
    return clean_env(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def house(env: dict[str, str]) -> Iterator[Server]:
    """Give the server that most tests share. It must live through all of them, without a traceback."""
    server = Server("--open-rooms", env=env)
    yield server
    assert server.process.poll() is None, server.stderr_text()
    server.stop()


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    """Close what a test left open."""
    yield
    Wire.close_all()


@pytest.fixture
def room() -> str:
    """Give a room that no other test uses."""
    return f"room{next(_numbers)}"


@pytest.fixture
def serve(env: dict[str, str]) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own; they are stopped at the end."""
    servers: list[Server] = []

    def start(*options: str, port: int | None = 0) -> Server:
        servers.append(Server(*options, port=port, env=env))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def run(env: dict[str, str], tmp_path: Path) -> Run:
    """Run commands to their end. They find no file of the project in their directory."""

    def run(*arguments: str, stdin: bytes | None = None, port: int | None = None) -> subprocess.CompletedProcess[bytes]:
        if port is not None:
            arguments = (*arguments, "--port", str(port))
        feed = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [*CHATCTL, *arguments],
            capture_output=True,
            timeout=2 * DEADLINE,
            env=env,
            cwd=tmp_path,
            check=False,
            **feed,
        )

    return run


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start commands whose end a test does not wait for, or brings about; all three ends of them are pipes."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, port: int | None = None, **more: object) -> subprocess.Popen[bytes]:
        if port is not None:
            arguments = (*arguments, "--port", str(port))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        process = subprocess.Popen([*CHATCTL, *arguments], env=env, cwd=tmp_path, **pipes)
        processes.append(process)
        return process

    yield start
    for process in processes:
        kill(process)


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    """Put something else at a port."""
    stubs: list[Stub] = []

    def put(handle: Callable[..., None]) -> Stub:
        stubs.append(Stub(handle))
        return stubs[-1]

    yield put
    for one in stubs:
        one.close()


@pytest.fixture
def first_version() -> Iterator[FirstVersionServer]:
    """Give a server of the very first version."""
    server = FirstVersionServer()
    yield server
    server.close()
