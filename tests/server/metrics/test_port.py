"""port.py: one request a connection, in time and in size, with few places; whatever happens, an answer or an end."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from chatctl.common.ip_addresses import parse_network
from chatctl.core.ip_networks import Networks
from chatctl.core.limits import ServerLimits
from chatctl.hub.event_log import Log
from chatctl.server.listener import open_tcp
from chatctl.server.metrics import port as port_module
from chatctl.server.metrics.port import MetricsPort
from chatctl.server.web.request_reader import Head
from chatctl.server.web.responses import PLAIN, response
from tests.support.environment import DEADLINE
from tests.support.web import Answer, request_bytes

GET = request_bytes("GET", "/healthz")


async def paths(head: Head) -> bytes:
    return response(200, f"{head.method} {head.target}".encode(), PLAIN)


def with_port(
    test: Callable[[int, MetricsPort], Coroutine[Any, Any, None]],
    answer: port_module.Answer = paths,
    networks: Networks | None = None,
    **limits: float,
) -> str:
    """Run a test against a port; return what was logged."""
    logged = io.StringIO()

    async def main() -> None:
        sockets = open_tcp("127.0.0.1", 0)
        log = Log(write=lambda _level, line: print(line, file=logged))
        port = MetricsPort(sockets, answer, ServerLimits(**limits), networks or Networks(), log)  # type: ignore[arg-type]
        number = sockets[0].getsockname()[1]
        try:
            await asyncio.wait_for(test(number, port), DEADLINE)
        finally:
            port.close()
            await asyncio.sleep(0)

    asyncio.run(main())
    return logged.getvalue()


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(port: int, *parts: bytes) -> Answer:
    async with connected(port) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return Answer.of(await reader.read())


async def ended(reader: asyncio.StreamReader) -> bool:
    """Tell whether a connection was closed without a word, once it is closed."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def test_a_request_is_answered_however_it_is_cut() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        assert (await ask(number, GET)).body == b"GET /healthz"
        assert (await ask(number, GET[:9], GET[9:30], GET[30:])).body == b"GET /healthz"

    with_port(test)


def test_head_gets_the_headers_alone() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        answer = await ask(number, request_bytes("HEAD", "/metrics"))
        assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "13")

    with_port(test)


def test_what_is_no_request_and_what_is_too_long_is_refused() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        assert (await ask(number, b"NAME\r\n\r\n")).status == 400
        assert (await ask(number, request_bytes("GET", "/metrics", x="y" * 300))).status == 431

    with_port(test, hello_bytes=256)


def test_who_takes_too_long_is_told_so() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        assert (await ask(number, GET[:-1])).status == 408

    with_port(test, hello_seconds=0.05)


def test_no_time_is_too_short_to_be_told() -> None:
    """A busy server may have used it up before the connection is made."""

    async def test(number: int, port: MetricsPort) -> None:
        assert (await ask(number)).status == 408

    with_port(test, hello_seconds=0.0)


def test_places_are_few_and_are_given_back() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        async with contextlib.AsyncExitStack() as held:
            places = [await held.enter_async_context(connected(number)) for _ in range(port_module.PLACES)]
            async with connected(number) as (reader, _):
                assert await ended(reader)
            reader, writer = places[0]
            writer.write(GET)
            assert b"200 OK" in await reader.read()
            writer.close()
            await writer.wait_closed()
            assert (await ask(number, GET)).status == 200

    with_port(test)


def test_who_reads_nothing_loses_its_place() -> None:
    async def large(_: Head) -> bytes:
        return response(200, b"x" * (20 << 20), PLAIN)

    async def test(number: int, port: MetricsPort) -> None:
        with socket.create_connection(("127.0.0.1", number)) as silent:
            silent.sendall(GET)
            until = asyncio.get_running_loop().time() + DEADLINE
            states = []
            while states[-1:] != [0] or max(states) == 0:
                states.append(len(port._places))
                assert asyncio.get_running_loop().time() < until
                await asyncio.sleep(0)

    with_port(test, large, stall_seconds=0.1)


def test_networks_that_are_denied_get_no_answer() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        async with connected(number) as (reader, _):
            assert await ended(reader)

    with_port(test, networks=Networks(deny=[parse_network("127.0.0.0/8")]))


def test_a_fault_of_our_own_is_an_answer_too() -> None:
    async def broken(_: Head) -> bytes:
        raise LookupError("no such thing")

    async def test(number: int, port: MetricsPort) -> None:
        assert (await ask(number, GET)).refusal == (500, "internal")

    assert "LookupError('no such thing')" in with_port(test, broken)


def test_the_end_of_the_server_ends_all_connections() -> None:
    async def test(number: int, port: MetricsPort) -> None:
        async with connected(number) as (reader, writer):
            writer.write(GET[:5])
            assert (await ask(number, GET)).status == 200  # so that the one before is accepted, too
            port.close()
            assert await ended(reader)

    with_port(test)
