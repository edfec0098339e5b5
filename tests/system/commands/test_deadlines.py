"""A deadline holds, and a signal ends a command, whatever it waits for: the network, the server, a file, an ssh-agent.

Resolving a name has a file of its own (test_hanging_resolver.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chatctl.protocol import FEATURES
from tests.support.environment import CHATCTL, DEADLINE
from tests.support.forked import LONG_WAITS, popen
from tests.support.processes import kill
from tests.support.scripted_peer import Peer
from tests.support.stub import Stub

COMMANDS = {
    "send": ("send", "hello"),
    "who": ("who",),
    "search": ("search", "hello"),
    "tail": ("tail", "--no-reconnect"),
    "ask": ("ask", "now?"),
    "run": ("run", "--require-room", "--", "true"),
    "export": ("export",),
    "probe": ("probe",),
}


@dataclass
class Phase:
    """A place where a command waits: what it is called with, and how to wait until it is there."""

    arguments: tuple[str, ...]
    reached: Callable[[], object]
    env: dict[str, str]


Make = Callable[[Path], "contextlib.AbstractContextManager[Phase]"]


@contextlib.contextmanager
def network(*more: str, answer: Callable[[Peer], None] = lambda _: None) -> Iterator[Phase]:
    """Accept, do what ``answer`` says, and say nothing more."""
    reading, writing = os.pipe()

    def handle(sock: socket.socket) -> None:
        answer(Peer(sock))
        os.write(writing, b"x")

    stub = Stub(handle)
    try:
        yield Phase(("--port", str(stub.port), *more), lambda: os.read(reading, 1), {})
    finally:
        stub.close()
        os.close(reading)
        os.close(writing)


@contextlib.contextmanager
def dropped(_: Path) -> Iterator[Phase]:
    """Answer no SYN: the queue of who wants to be accepted is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _number in range(3):
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        port = int(listener.getsockname()[1])
        before = connecting_to(port)

        def reached() -> None:  # nobody at the other end learns of it
            end = time.monotonic() + DEADLINE
            while connecting_to(port) == before:
                assert time.monotonic() < end
                time.sleep(0.01)

        yield Phase(("--port", str(port)), reached, {})


def connecting_to(port: int) -> int:
    """Return how many sockets have sent a SYN to a port, and have got no answer."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "02" for row in rows)


@contextlib.contextmanager
def pipe(folder: Path, option: str, *more: str) -> Iterator[Phase]:
    """Let a file be a pipe that somebody has opened, and never writes to."""
    path = folder / "pipe"
    os.mkfifo(path, 0o600)
    opened: list[int] = []

    def reached() -> None:
        opened.append(os.open(path, os.O_WRONLY))  # returns once it is open at the other end

    def greet(peer: Peer) -> None:
        peer.sock.sendall(b"NAME")

    try:
        with network(option, str(path), *more, answer=greet) as phase:
            yield Phase(phase.arguments, reached, {})
    finally:
        for descriptor in opened:
            os.close(descriptor)


@contextlib.contextmanager
def agent(folder: Path) -> Iterator[Phase]:
    """Let the ssh-agent be one that accepts, and says nothing."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as stack:
        listener.bind(str(folder / "agent"))
        listener.listen()
        listener.settimeout(DEADLINE)

        def greet(peer: Peer) -> None:
            peer.sock.sendall(b"NAME")

        with network("--key", "agent", answer=greet) as phase:
            yield Phase(
                phase.arguments,
                lambda: stack.enter_context(listener.accept()[0]),
                {"SSH_AUTH_SOCK": str(folder / "agent")},
            )


def _hear_hello(peer: Peer) -> None:
    peer.sock.sendall(b"NAME")
    peer.frame("hello")


PHASES: dict[str, Make] = {
    "connecting": dropped,
    "greeting": lambda _: network(),
    "TLS": lambda _: network("--tls"),
    "hello": lambda _: network(answer=_hear_hello),
    "password file": lambda folder: pipe(folder, "--password-file"),
    "key": lambda folder: pipe(folder, "--key"),
    "authorities": lambda folder: pipe(folder, "--ca"),
    "agent": agent,
}
ONLY_WHERE_ONE_SPEAKS = ("key", "agent")
"""Who only reads proves no key."""


def call(env: dict[str, str], phase: Phase, name: str, timeout: str) -> subprocess.Popen[bytes]:
    """Start a command. If it waits for as long as it likes, and not as it was told, that lasts beyond any test."""
    command, *rest = COMMANDS[name]
    return popen(
        [*CHATCTL, command, "--timeout", timeout, *phase.arguments, *rest],
        first=LONG_WAITS,
        env={**env, **phase.env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def to_its_end(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Wait for its end; return what it printed."""
    try:
        return process.communicate(timeout=DEADLINE)
    finally:
        kill(process)


def pairs(*names: str) -> list[tuple[str, str]]:
    return [
        (where, name)
        for where in PHASES
        for name in names
        if where not in ONLY_WHERE_ONE_SPEAKS or name in ("send", "ask", "run")
    ]


@pytest.mark.parametrize(("where", "name"), pairs("send", "probe", "run"))
def test_the_deadline_holds(env: dict[str, str], tmp_path: Path, where: str, name: str) -> None:
    with PHASES[where](tmp_path) as phase:
        process = call(env, phase, name, "300ms")
        out, err = to_its_end(process)
    assert process.returncode in ((2,) if name == "probe" else (1, 3, 7)), (out, err)
    assert err.count(b"\n") + out.count(b"\n") == 1, "one line says why"


@pytest.mark.parametrize(("where", "name"), pairs("send", "tail"))
def test_a_signal_ends_it(env: dict[str, str], tmp_path: Path, where: str, name: str) -> None:
    number = signal.SIGINT if name == "send" else signal.SIGTERM
    with PHASES[where](tmp_path) as phase:
        process = call(env, phase, name, "600s")
        phase.reached()
        process.send_signal(number)
        out, err = to_its_end(process)
    assert (process.returncode, out, err) == (128 + number, b"", b"")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_ends_who_was_let_in(env: dict[str, str], name: str) -> None:
    """By a server that says nothing more: no time for telling it, or the room, is waited for."""

    def let_in(peer: Peer) -> None:
        peer.let_in(last=5, features=[*FEATURES])

    with network(answer=let_in) as phase:
        process = call(env, phase, name, "600s")
        phase.reached()
        process.send_signal(signal.SIGTERM)
        out, err = to_its_end(process)
    assert (process.returncode, err) == (143, b""), out
