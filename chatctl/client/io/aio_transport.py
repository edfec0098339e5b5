"""The core on asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.client.io import clock
from chatctl.client.io.aio_connection import AioConnection, connect
from chatctl.protocol import Hello

T = TypeVar("T")

CLOSE_SECONDS = 1.0
"""Time for the last bytes to leave."""


class AioTransport:
    """Connections, time and randomness for the tasks of one event loop; see ``Transport``."""

    now = staticmethod(clock.now)
    random_bytes = staticmethod(os.urandom)

    def __init__(self) -> None:
        """Use the loop that runs at the first call."""
        self._open: list[AioConnection] = []

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> AioConnection:
        """Connect and be let in. Raises as ``aio_connection.connect``."""
        connection = await connect(address, hello, deadline)
        self._open = [one for one in self._open if not one.closed.done()] + [connection]
        return connection

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def lock(self) -> AioLock:
        """Return a new lock."""
        return AioLock()

    async def closed(self) -> None:
        """Wait until every closed connection has ended: a loop that ends earlier leaves sockets open."""
        closing = [connection.closed for connection in self._open if connection.closing]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_SECONDS)


class AioLock:
    """A lock for tasks; see ``Lock``."""

    def __init__(self) -> None:
        """Use the loop that runs when the lock is first held."""
        self._lock = asyncio.Lock()

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """Hold the lock while ``action`` runs, and return its result."""
        async with self._lock:
            return await action()
