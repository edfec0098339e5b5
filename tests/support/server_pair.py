"""Two servers of one deployment in the place of one: connections and commands go to the one and the other by turns."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import pytest

from chatctl.common.journal_uri import PostgresPlace
from tests.support.environment import DEADLINE
from tests.support.server_process import Server
from tests.support.wire import Wire


class PairPort(int):
    """The port of the one whose turn it is."""

    other: int
    """That of the other one."""

    def __new__(cls, port: int, other: int) -> Self:
        made = super().__new__(cls, port)
        made.other = other
        return made


def option_of(port: int) -> tuple[str, str]:
    """Return the option that tells a command where the server is: of two it is told both, in turn."""
    if isinstance(port, PairPort):
        return "--server", f"127.0.0.1:{port},127.0.0.1:{port.other}"
    return "--port", str(port)


def ports_of(port: int) -> list[int]:
    """Return it as it is, or those of two, in turn."""
    return [int(port), port.other] if isinstance(port, PairPort) else [port]


class ServerPair:
    """Used as a ``Server``. What writes and what reads are at different ones, and so is each that comes back."""

    def __init__(
        self, place: PostgresPlace, *options: str, env: Mapping[str, str], port: int = 0, socket: str | None = None
    ) -> None:
        """Start both; ``socket`` is that of the operator, who is at the first one."""
        at = "--journal", place.uri, "--journal-schema", place.schema
        operator = () if socket is None else ("--admin-socket", socket)
        ports = ports_of(port) if port else [0, 0]
        self._news = threading.Condition()
        self.servers = [
            Server(*at, *options, *more, port=port, env=env, news=self._news)
            for port, more in zip(ports, (operator, ()), strict=True)
        ]
        share_token(Path(env["CHATCTL_STATE_DIR"]), *[server.port for server in self.servers])
        self.begin()

    def begin(self) -> None:
        """Have the second one be the next."""
        self._turns: Iterator[Sequence[Server]] = itertools.cycle([self.servers[::-1], self.servers])

    @property
    def port(self) -> PairPort:
        """The port of the next one."""
        return PairPort(*[server.port for server in next(self._turns)])

    def wire(self) -> Wire:
        """Connect to the next one, and be greeted."""
        here, there = next(self._turns)
        wire = here.wire()
        wire.elsewhere = lambda: there.wire().enter("", wire.welcome["room"], mode="probe")
        return wire

    def member(self, nick: str, room: str = "lobby", **more: object) -> Wire:
        """Connect to the next one and be let in."""
        return self.wire().enter(nick, room, **more)

    def stderr_text(self) -> str:
        """Return the logs so far."""
        return "".join(server.stderr_text() for server in self.servers)

    def wait_for_log(self, wanted: str) -> str:
        """Wait until one of the logs holds ``wanted``; give both."""
        with self._news:
            assert self._news.wait_for(lambda: wanted in self.stderr_text(), DEADLINE), self.stderr_text()
        return self.stderr_text()

    def signal(self, number: int) -> None:
        """Send both a signal."""
        for server in self.servers:
            server.signal(number)

    def wait(self) -> None:
        """Wait for the end of both."""
        for server in self.servers:
            server.wait()

    def stop(self) -> str:
        """End both as ``Server.stop`` does; give all that they logged."""
        return "".join([server.stop() for server in self.servers])


def one_or_two(request: pytest.FixtureRequest, one: Server) -> Server | ServerPair:
    """Return the server that most tests share, or if the fixture is asked for ``two``, the two in its place."""
    if getattr(request, "param", "one") == "one":
        return one
    pair: ServerPair = request.getfixturevalue("shared_pair")
    pair.begin()
    return pair


def share_token(state: Path, *ports: int) -> None:
    """Have the commands of a state folder take one token to all, also where they are told of one at a time."""
    (state / "tokens").mkdir(mode=0o700, exist_ok=True)
    for port in ports:
        file = state / "tokens" / f"127.0.0.1_3a{port}"
        file.touch(mode=0o600)
        file.write_text("7" * 32)
