"""A server for all tests of this folder, each of which has a room of its own there; and the commands."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.scripts.common import LossyProxy
from tests.support import CHATCTL, DEADLINE, Server, Stub, Wire, clean_env, kill

_numbers = itertools.count(1)


class Run(Protocol):
    """Runs a command to its end."""

    def __call__(
        self, *arguments: str, stdin: bytes | None = None, port: int | None = None, closing: str = "", **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Give what became of it. ``stdin`` None is an empty one; ``closing`` is what a shell does with the ends."""


Start = Callable[..., "subprocess.Popen[bytes]"]
PutStub = Callable[..., Stub]
Serve = Callable[..., Server]
Lossy = Callable[..., LossyProxy]


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the commands' environment."""
    return clean_env(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def house(env: dict[str, str]) -> Iterator[Server]:
    """Give the server that most tests share. It must live through all of them, without a traceback."""
    server = Server("--open-rooms", "--rate", "off", env=env)
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
def serve(env: dict[str, str]) -> Iterator[Serve]:
    """Start servers of one's own; they are stopped at the end, if they were not killed."""
    servers: list[Server] = []

    def start(*options: str, port: int | None = 0) -> Server:
        servers.append(Server(*options, port=port, env=env))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def run(env: dict[str, str], tmp_path: Path) -> Run:
    """Run commands to their end."""

    def run(
        *arguments: str, stdin: bytes | None = None, port: int | None = None, closing: str = "", **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        command = [*CHATCTL] if not closing else ["sh", "-c", f'exec "$@" {closing}', "sh", *CHATCTL]
        if port is not None:
            arguments = (*arguments, "--port", str(port))
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env} | more
        pipes |= {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run([*command, *arguments], timeout=2 * DEADLINE, cwd=tmp_path, check=False, **pipes)

    return run


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start commands whose end a test does not wait for, or brings about; all three ends of them are pipes."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, port: int | None = None, **more: Any) -> subprocess.Popen[bytes]:
        if port is not None:
            arguments = (*arguments, "--port", str(port))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": env} | more
        processes.append(subprocess.Popen([*CHATCTL, *arguments], cwd=tmp_path, **pipes))
        return processes[-1]

    yield start
    for process in processes:
        kill(process)


@pytest.fixture
def stub() -> Iterator[PutStub]:
    """Put something else at a port."""
    stubs: list[Stub] = []

    def put(handle: Callable[..., None]) -> Stub:
        stubs.append(Stub(handle))
        return stubs[-1]

    yield put
    for one in stubs:
        one.close()


@pytest.fixture
def lossy() -> Iterator[Lossy]:
    """Put a proxy before a server, that loses what the server answers."""
    proxies: list[LossyProxy] = []

    def put(port: int, **more: Any) -> LossyProxy:
        proxies.append(LossyProxy(port, **more))
        return proxies[-1]

    yield put
    for one in proxies:
        one.close()
