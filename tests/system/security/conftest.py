"""Servers that want something proved, people with keys and passwords, and what stands between the two."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.credentials import Credentials
from chatctl.client.security.key_files import make_key
from chatctl.commands.run.signal_relay import FORWARDED
from chatctl.common.fingerprints import of_key
from chatctl.core.passwords import Verifier
from chatctl.protocol import Hello
from tests.support import forked
from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.in_process import InProcess
from tests.support.lossy_proxy import LossyProxy
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.security.rogues import Rogue
from tests.system.security.screen import assert_inert

WORD = "correct horse"


class Person(NamedTuple):
    """Somebody with a key of their own."""

    path: Path
    fingerprint: str

    def join(self, port: int, nick: str, **more: object) -> BlockingConnection:
        """Be let in. Raises what a client raises."""
        return connect(port, nick, Credentials(key=str(self.path)), **more)


def connect(port: int, nick: str, credentials: Credentials | None = None, **more: object) -> BlockingConnection:
    """Be let in with a client of ours. Raises what it raises."""
    hello = Hello(v=1, nick=nick, **more)  # type: ignore[arg-type]
    return BlockingConnection(Address("127.0.0.1", port, credentials=credentials), hello, deadline_in(DEADLINE))


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of somebody without a key and without a password."""
    return clean_env(tmp_path_factory.mktemp("state"))


@pytest.fixture
def serve(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own; ``password`` is what the password file says, ``journal`` where it is kept."""
    servers: list[Server] = []

    def start(*options: str, password: str | None = None, journal: bool = False) -> Server:
        more = [*options]
        if password is not None:
            file = tmp_path / "room.password"
            file.touch(0o600)
            file.write_text(f"{password}\n")
            more += ["--password-file", str(file)]
        if journal:
            more += ["--journal", str(tmp_path / "rooms.db")]
        servers.append(Server(*more, env=env))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def guarded(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server that wants the password, to whose tests nobody gives a wrong one."""
    file = tmp_path_factory.mktemp("guarded") / "room.password"
    file.touch(0o600)
    file.write_text(f"{Verifier.of(WORD)}\n")
    server = Server("--password-file", str(file), env=env)
    yield server
    server.stop()


@pytest.fixture
def person(tmp_path: Path) -> Callable[[str], Person]:
    """Make somebody with a key."""

    def make(name: str) -> Person:
        path = tmp_path / f"{name}.key"
        return Person(path, of_key(make_key(path).public))

    return make


Chatctl = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def chatctl(env: dict[str, str], tmp_path: Path) -> Chatctl:
    """Run a command to its end. ``more`` are variables of the environment."""

    def run(
        *arguments: str, port: int | None = None, stdin: bytes = b"", more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        where = ("--port", str(port)) if port is not None else ()
        words = [*CHATCTL, *arguments[:1], *where, *arguments[1:]]
        return forked.run(words, seconds=2 * DEADLINE, stdin=stdin, env=env | (more or {}), cwd=tmp_path)

    return run


@pytest.fixture
def relay() -> Iterator[LossyProxy]:
    """Stand between a client and a server, and hand on every byte. ``aim`` says which server."""
    proxy = LossyProxy(0, times=0)
    yield proxy
    for thread in proxy._threads:  # both ends have hung up; to close a socket under a thread would leave it waiting
        thread.join(DEADLINE)
    proxy.close()


def aim(relay: LossyProxy, server: Server) -> int:
    """Have the relay lead to a server; give where the relay is."""
    relay.aim(server.port)
    return relay.port


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    """Close what a test left open."""
    yield
    Wire.close_all()


class Shown(NamedTuple):
    """What a command printed, and what it told the person. Nothing of it acts on a terminal."""

    out: str
    told: str


class Here:
    """Runs a command in this process, to its end, and looks at all that it shows on a watched terminal."""

    def __init__(self, env: Mapping[str, str], run: InProcess) -> None:
        self._env = env
        self._run = run

    def __call__(self, *words: str, port: int | None = None, **variables: str) -> Shown:
        """Return its output. It may fail, but not with a fault of its own."""
        if port is not None:
            at = words.index("--") if "--" in words else len(words)
            words = (*words[:at], "--port", str(port), *words[at:])
        done = self._run(*words, env={**self._env, **variables})
        told = assert_inert(done.stderr, f"{words} {variables}: stderr")
        assert "internal error in chatctl" not in told, (words, variables, told)
        out = done.stdout.replace(b"\0", b"\n") if "-0" in words else done.stdout
        return Shown(assert_inert(out, f"{words} {variables}: stdout"), told)


@pytest.fixture
def here(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """Run commands in this process, and take back what some of them do to its signals."""
    kept = {number: signal.getsignal(number) for number in FORWARDED}  # run ignores them at its end
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield Here(env | {"NO_COLOR": "1"}, InProcess(env, tmp_path, monkeypatch, capfd))
    for number, handler in kept.items():
        signal.signal(number, handler)


Put = Callable[[Callable[[Peer], None]], int]


@pytest.fixture
def rogue() -> Iterator[Put]:
    """Put a rogue at a port, which is given."""
    rogues: list[Rogue] = []

    def put(handle: Callable[[Peer], None]) -> int:
        rogues.append(Rogue(handle))
        return rogues[-1].port

    yield put
    for one in rogues:
        one.close()
