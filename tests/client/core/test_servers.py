"""Several servers, of which any will do."""

from __future__ import annotations

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.servers import Servers
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import ChatError, NickTaken, ServerFull, Unreachable
from chatctl.protocol import Hello
from tests.client.core.fake_transport import FakeConnection, FakeTransport, welcome

HELLO = Hello(v=1, nick="ci")
A, B, C = (Address(name, 5500) for name in ("a", "b", "c"))


class Net(FakeTransport):
    """Servers by address: an error, or a place."""

    def __init__(self, **servers: ChatError | None) -> None:
        super().__init__()
        self.servers = servers
        self.tried: list[tuple[str, float | None]] = []

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> FakeConnection:
        self.tried.append((address.host, deadline.left()))
        if error := self.servers[address.host]:
            raise error
        connection = FakeConnection(self)
        connection.welcome = welcome()
        return connection


class Lines:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, msg: str, /, *args: object) -> None:
        self.lines.append(msg % args)

    warning = info


def connect(servers: Servers, net: Net, *addresses: Address) -> None:
    drive(servers.connect(net.connect, A._replace(others=addresses), HELLO, Deadline.after(6, net.now)))


def test_the_first_that_can_be_had_is_used_and_remembered() -> None:
    net, lines = Net(a=Unreachable("a is away"), b=ServerFull("b is full"), c=None), Lines()
    servers = Servers(lines)
    connect(servers, net, B, C)
    connect(servers, net, B, C)
    assert net.tried == [("a", 2.0), ("b", 3.0), ("c", 6.0), ("c", 2.0)], "each has its share of the time"
    assert lines.lines[:3] == ["a is away", "b is full", "connected to c:5500: room lobby, mode join"]


def test_an_answer_is_an_answer() -> None:
    """A name that is taken on one server is not asked for on another."""
    net = Net(a=NickTaken("taken"), b=None)
    with pytest.raises(NickTaken):
        connect(Servers(Lines()), net, B)
    assert [host for host, _ in net.tried] == ["a"]


def test_the_error_tells_of_all() -> None:
    net = Net(a=ServerFull("a is full", retry_after=7), b=ServerFull("b is full", retry_after=3))
    with pytest.raises(ServerFull, match="a is full; b is full") as raised:
        connect(Servers(Lines()), net, B)
    assert raised.value.retry_after == 3


def test_what_a_server_says_is_cleaned_for_the_log() -> None:
    net, lines = Net(a=Unreachable("\x1b[2J")), Lines()
    with pytest.raises(Unreachable):
        connect(Servers(lines), net)
    assert "\x1b" not in "".join(lines.lines)


def test_it_goes_without_a_log() -> None:
    """A command has none."""
    net = Net(a=Unreachable("a is away"), b=None)
    connect(Servers(), net, B)
    assert [host for host, _ in net.tried] == ["a", "b"]


def test_a_time_that_is_over_is_told_by_who_can_not_connect_in_it() -> None:
    """Which names the server; an error of the deadline itself does not."""

    async def connect_late(one: Address, _hello: Hello, _deadline: Deadline) -> FakeConnection:
        raise Unreachable(f"{one.host} did not answer in time")

    late = Deadline.after(-1, FakeTransport().now)
    for addresses in ((), (B,)):
        with pytest.raises(Unreachable, match="a did not answer"):
            drive(Servers().connect(connect_late, A._replace(others=addresses), HELLO, late))
