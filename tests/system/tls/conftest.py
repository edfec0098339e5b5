"""Certificates, servers with TLS on both event loops, and the commands."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.in_process import InProcess
from tests.support.tls import Authority, TlsServer
from tests.support.wire import Wire
from tests.system.terminal.term import Term, terminal_env

SIMPLE = ("send", "who", "search", "probe", "export", "bench")
NO_UVLOOP = "raise ImportError('not in this test')\n"

Serve = Callable[..., TlsServer]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Start = Callable[..., Term]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that no system knows."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def good(authority: Authority) -> Path:
    """Return the certificate of 127.0.0.1, with its key."""
    return authority.sign("127.0.0.1")


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """Yield the server with a certificate of its own that most tests share. It lives through all of them."""
    server = TlsServer("--rate", "off", "--open-rooms", "--tls", "self", env=clean_env(tmp_path_factory.mktemp("own")))
    yield server
    assert server.process.poll() is None, server.stderr_text()
    server.stop()


@pytest.fixture(scope="session")
def signed(tmp_path_factory: pytest.TempPathFactory, good: Path) -> Iterator[TlsServer]:
    """Yield the server whose certificate the authority signed."""
    server = TlsServer("--tls-cert", str(good), env=clean_env(tmp_path_factory.mktemp("signed")))
    yield server
    assert server.process.poll() is None, server.stderr_text()
    server.stop()


@pytest.fixture(params=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return the environment variables that make a server run on that event loop."""
    if request.param == "uvloop":
        return {}
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "uvloop.py").write_text(NO_UVLOOP)
    return {"PYTHONPATH": f"{tmp_path / 'without'}:{clean_env(tmp_path)['PYTHONPATH']}"}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers of one's own; they are stopped at the end."""
    servers: list[TlsServer] = []

    def start(*options: str, loop: dict[str, str] | None = None, tls_port: int = 0) -> TlsServer:
        env = clean_env(tmp_path / "server", **(loop or {}))
        servers.append(TlsServer("--rate", "off", *options, env=env, tls_port=tls_port))
        return servers[-1]

    yield start
    Wire.close_all()  # a server that stops waits for those who do not go
    for server in servers:
        server.stop()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the state directory of this test's commands."""
    return tmp_path / "state"


@pytest.fixture
def run(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run commands to their end; none of their ends is a terminal. Those that can be run in this process are."""

    def run(command: str, *arguments: str, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
        env = clean_env(state, **environ)
        if command in SIMPLE and not stdin:
            return InProcess(env, tmp_path, monkeypatch, capfd)(command, *arguments)
        words = [*CHATCTL, command, *arguments]
        return forked.run(words, seconds=2 * DEADLINE, stdin=stdin, env=env, cwd=tmp_path)

    return run


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Start commands, each in a terminal."""
    terms: list[Term] = []

    def start(*arguments: str, **environ: str) -> Term:
        terms.append(Term([*CHATCTL, *arguments], terminal_env(state, **environ), columns=100, rows=24))
        return terms[-1]

    yield start
    for term in terms:
        term.close()


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    """Close what a test left open."""
    yield
    Wire.close_all()
