"""client/io/aio_transport.py: what is left of a connection that nobody waits for any more. The rest: test_api_*.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.client.io import aio_transport
from chatctl.client.io.clock import deadline_in
from chatctl.protocol import Hello
from tests.client.core.fake_transport import welcome


class Connection:
    """A connection that is open until it is closed."""

    def __init__(self) -> None:
        self.closing = False
        self.welcome = welcome()
        self.closed = asyncio.get_running_loop().create_future()

    def end_waits(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        self.closing = True
        if not self.closed.done():
            self.closed.set_result(None)


@pytest.mark.parametrize("iterations", range(4))
@pytest.mark.parametrize("first", ["the connection", "the cancellation"])
def test_a_connection_that_comes_as_its_transport_is_closed_is_closed(
    monkeypatch: pytest.MonkeyPatch, first: str, iterations: int
) -> None:
    """In whichever iteration of the event loop it comes: one that is forgotten keeps uvloop from ending."""

    async def scenario() -> list[Connection]:
        made, ready = list[Connection](), asyncio.Event()

        async def connect(_address: Address, _hello: Hello, _deadline: Deadline) -> Any:
            await ready.wait()
            made.append(Connection())
            return made[0]

        monkeypatch.setattr(aio_transport, "connect", connect)
        transport = aio_transport.AioTransport()

        async def use() -> None:
            try:
                await transport.connect(Address("a-server", 5500), Hello(v=1), deadline_in(None))
            finally:
                transport.close()
                await transport.closed()

        task = asyncio.create_task(use())
        for _ in range(3):  # it waits for the connection
            await asyncio.sleep(0)
        for act in (ready.set, task.cancel) if first == "the connection" else (task.cancel, ready.set):
            act()
            for _ in range(iterations):
                await asyncio.sleep(0)
        await asyncio.wait([task])
        return made

    assert [one for one in asyncio.run(scenario()) if not one.closing] == []
