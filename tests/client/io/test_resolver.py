"""client/io/resolver.py and the two connections that use it: a resolver that hangs, and addresses that are silent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, DeadlinePassed, NoAnswer
from chatctl.client.io import aio_connection, blocking_connection, blocking_socket
from chatctl.client.io.clock import deadline_in, now
from chatctl.client.io.resolver import Endpoint, resolve, shares
from chatctl.errors import Unreachable
from chatctl.protocol import Hello
from tests.support.environment import DEADLINE
from tests.support.stub import closed_port

REAL = socket.getaddrinfo
HELLO = Hello(v=1, mode="probe")
NAME = "chat.example.org"

Connect = Callable[[Address, Deadline], Awaitable[object]]


async def blocking(address: Address, deadline: Deadline) -> object:
    """Connect on a blocking socket, as the commands for scripts do; in a thread, so that a hang fails the test."""
    return await asyncio.to_thread(blocking_connection.BlockingConnection, address, HELLO, deadline)


async def on_a_loop(address: Address, deadline: Deadline) -> object:
    return await aio_connection.connect(address, HELLO, deadline)


BOTH = pytest.mark.parametrize("connect", [blocking, on_a_loop])


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A resolver that answers no name until the event is set; numbers are no question."""
    over = threading.Event()

    def hang(host: str, *rest: object, flags: int = 0, **more: object) -> object:
        if not flags:
            over.wait()
        return REAL(host, *rest, flags=socket.AI_NUMERICHOST, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield over
    over.set()


def names_are(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let each name stand for these addresses."""

    def answer(host: str, port: int, *_: object, flags: int = 0, **__: object) -> object:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not a number")
        return [row for one in addresses for row in REAL(one, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@BOTH
@pytest.mark.usefixtures("resolver")
def test_a_resolver_that_hangs_is_inside_the_deadline(connect: Connect) -> None:
    """The loop ends, too: its own executor would wait for the resolver."""
    with pytest.raises(NoAnswer, match=f"cannot reach {NAME}:5500: it did not answer in time"):
        asyncio.run(connect(Address(NAME, 5500), deadline_in(0.05)))


@BOTH
@pytest.mark.usefixtures("resolver")
def test_a_number_is_not_looked_up(connect: Connect) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        asyncio.run(connect(Address("127.0.0.1", closed_port()), deadline_in(DEADLINE)))


@BOTH
@pytest.mark.parametrize("name", ["a" * 64, "\udcff", "a\0b", "..", "nowhere.invalid"])
def test_what_can_not_be_a_host_is_unreachable(connect: Connect, name: str) -> None:
    with pytest.raises(Unreachable, match="cannot reach"):
        asyncio.run(connect(Address(name, 5500), deadline_in(DEADLINE)))


@BOTH
def test_an_address_that_is_silent_leaves_time_for_the_next(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to a full backlog is neither taken nor refused."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full, contextlib.ExitStack() as crowd:
        port = full.getsockname()[1]
        for _ in range(4):
            one = crowd.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", port))
        listener = crowd.enter_context(socket.create_server(("127.0.0.1", port)))
        listener.settimeout(DEADLINE)
        accepting = threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True)
        accepting.start()
        names_are(monkeypatch, "127.0.0.2", "127.0.0.1")
        with pytest.raises(Unreachable):  # nobody welcomes us
            asyncio.run(connect(Address(NAME, port), deadline_in(2)))
        accepting.join(0.5)
        assert not accepting.is_alive(), "it was not tried"


def test_the_last_address_has_all_the_time_that_is_left() -> None:
    clock = [0.0]
    given = []
    endpoints = [Endpoint(socket.AF_INET, (str(number),)) for number in range(3)]
    for _, seconds in shares(endpoints, Deadline(9.0, lambda: clock[0])):
        given.append(seconds)
        clock[0] += 1.0
    assert given == [3.0, 4.0, 7.0]
    assert [seconds for _, seconds in shares(endpoints, Deadline(None, now))] == [None] * 3


def test_the_next_address_is_tried_where_one_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    names_are(monkeypatch, "127.0.0.2", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert [endpoint.address[0] for endpoint in resolve(NAME, port, deadline_in(DEADLINE))] == [
            "127.0.0.2",
            "127.0.0.1",
        ]
        with blocking_socket.open_tcp(Address(NAME, port), deadline_in(DEADLINE)) as sock:
            assert sock.getpeername()[0] == "127.0.0.1"


@pytest.mark.usefixtures("resolver")
def test_no_time_at_all_is_a_deadline_that_passed() -> None:
    with pytest.raises(DeadlinePassed):
        resolve(NAME, 5500, Deadline(0.0, now))
