"""Servers that want something proved, people with keys and passwords, and what stands between the two."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from chatctl.client.address import Address
from chatctl.client.blocking import Connection, Deadline
from chatctl.client.credentials import Credentials
from chatctl.client.keys import make_key
from chatctl.gate import Verifier
from chatctl.proof import fingerprint
from chatctl.protocol import Hello
from tests.scripts.common import LossyProxy
from tests.support import CHATCTL, DEADLINE, Server, Wire, clean_env

WORD = "correct horse"


class Person(NamedTuple):
    """Somebody with a key of their own."""

    path: Path
    fingerprint: str

    def join(self, port: int, nick: str, **more: object) -> Connection:
        """Be let in. Raises what a client raises."""
        return connect(port, nick, Credentials(key=str(self.path)), **more)


def connect(port: int, nick: str, credentials: Credentials | None = None, **more: object) -> Connection:
    """Be let in with a client of ours. Raises what it raises."""
    hello = Hello(v=1, nick=nick, **more)  # type: ignore[arg-type]
    return Connection(Address("127.0.0.1", port, credentials=credentials), hello, Deadline.after(DEADLINE))


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the environment of somebody without a key and without a password."""
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
    """Give a server that wants the password, to whose tests nobody gives a wrong one."""
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
        return Person(path, fingerprint(make_key(path).public))

    return make


Chatctl = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def chatctl(env: dict[str, str], tmp_path: Path) -> Chatctl:
    """Run a command to its end. ``more`` are variables of the environment."""

    def run(
        *arguments: str, port: int | None = None, stdin: bytes = b"", more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        where = ("--port", str(port)) if port is not None else ()
        return subprocess.run(
            [*CHATCTL, *arguments[:1], *where, *arguments[1:]],
            input=stdin,
            capture_output=True,
            timeout=2 * DEADLINE,
            env=env | (more or {}),
            cwd=tmp_path,
            check=False,
        )

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
    relay._target = server.port
    return relay.port


@pytest.fixture(autouse=True)
def close_wires() -> Iterator[None]:
    """Close what a test left open."""
    yield
    Wire.close_all()
