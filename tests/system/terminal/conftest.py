"""A server, rooms, terminals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, ROOT, clean_env
from tests.support.processes import kill
from tests.support.server_pair import ServerPair, one_or_two, option_of
from tests.support.server_process import Server
from tests.support.wire import Wire
from tests.system.of_two import generate as pytest_generate_tests  # noqa: F401 — a hook
from tests.system.terminal.term import Start, Term, terminal_env


@pytest.fixture
def house(request: pytest.FixtureRequest, house: Server) -> Server | ServerPair:
    """Return the server that most tests share, or two in its place."""
    return one_or_two(request, house)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of one's own."""
    servers: list[Server] = []

    def start(*options: str, port: int = 0) -> Server:
        servers.append(Server("--rate", "off", "--open-rooms", *options, port=port, env=clean_env(tmp_path / "server")))
        return servers[-1]

    yield start
    Wire.close_all()  # a server that stops waits for those who do not go
    for server in servers:
        server.stop()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the state directory of this test's programs."""
    return tmp_path / "state"


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Start programs, each in a terminal."""
    terms: list[Term] = []

    def start(*argv: str, columns: int = 80, rows: int = 24, first: str = "", **environ: str) -> Term:
        terms.append(Term(argv, terminal_env(state, **environ), columns=columns, rows=rows, first=first))
        return terms[-1]

    yield start
    for term in terms:
        term.close()


@pytest.fixture
def join(start: Start, house: Server, room: str) -> Start:
    """Join the test's room as nadia, in a terminal, and wait for the prompt."""

    def join(*options: str, nick: str = "nadia", port: int | None = None, ready: bool = True, **more: object) -> Term:
        where = (*option_of(port or house.port), "--room", room, "--nick", nick)
        term = start(*CHATCTL, "join", *where, *options, **more)
        if ready:
            term.wait_ready()
        return term

    return join


@pytest.fixture
def textbook(start: Start, house: Server, room: str, tmp_path: Path) -> Callable[..., Term]:
    """Join the test's room with the textbook recipe. Its prints take as long as the file ``slow`` is there."""

    def textbook(*, asks: bool = False) -> Term:
        """``asks``: for the cursor's position, its default. Without an answer its first print waits for 2 s."""
        files = (str(tmp_path / "history"), str(tmp_path / "slow"))
        environ = {} if asks else {"PROMPT_TOOLKIT_NO_CPR": "1"}
        term = start(sys.executable, "-m", "tests.system.terminal.textbook", str(house.port), room, *files, **environ)
        term.wait_ready()
        return term

    return textbook


@pytest.fixture
def other(house: Server, room: str) -> Callable[..., Wire]:
    """Let others into the test's room."""
    return lambda nick="omar", **more: house.member(nick, room, **more)


@pytest.fixture
def flood(house: Server, room: str) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Have somebody say numbered messages in the test's room."""
    running: list[subprocess.Popen[bytes]] = []

    def flood(rate: float, count: int, kind: str = "short") -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "tests.system.terminal.flood", str(house.port), room, str(rate), str(count), kind]
        running.append(subprocess.Popen(argv, cwd=ROOT))
        return running[-1]

    yield flood
    for process in running:
        kill(process)
