"""The core on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, ReaderGone
from chatctl.client.core.servers import Log, Servers
from chatctl.client.io import clock
from chatctl.client.io.aio_connection import AioConnection, connect
from chatctl.client.io.aio_timeout import timeout
from chatctl.protocol import Hello

T = TypeVar("T")

CLOSE_SECONDS = 1.0
"""Time for the last bytes to leave."""


class AioTransport:
    """Connections, time and randomness for the tasks of one event loop; see ``ClosableTransport``."""

    now = staticmethod(clock.now)
    random_bytes = staticmethod(os.urandom)
    tears = False

    def __init__(self, log: Log | None = None) -> None:
        """Use the loop that runs at the first call; ``log`` hears of each connection."""
        self._log = log
        self._servers = Servers(log)
        self._open: list[AioConnection] = []
        self._connecting: set[asyncio.Task[AioConnection]] = set()
        self._unclaimed: dict[tuple[Address, Hello], asyncio.Task[AioConnection]] = {}
        self._gone = asyncio.Event()
        self._when_closed: list[Callable[[], object]] = []

    def when_closed(self, call: Callable[[], object]) -> None:
        """Have ``close`` call this, too."""
        self._when_closed.append(call)

    def another(self) -> AioTransport:
        """Return a transport that is closed by itself."""
        return AioTransport(self._log)

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> AioConnection:
        """Connect to one of an address's servers and be let in.

        Cancelled, it goes on, and the next call with the same parameters returns the result. Raises as
        ``Servers.connect``; ReaderGone once the transport is closed.
        """
        if self._gone.is_set():
            raise ReaderGone
        key = address, hello
        task = self._unclaimed.pop(key, None) or self._begin(address, hello, deadline)
        try:
            await asyncio.wait([task])  # unlike ``await task``, this leaves the task alone when we are cancelled
        except asyncio.CancelledError:
            self._unclaimed[key] = task
            raise
        if task.cancelled():
            raise ReaderGone
        return task.result()

    def _begin(self, address: Address, hello: Hello, deadline: Deadline) -> asyncio.Task[AioConnection]:
        task = asyncio.create_task(self._servers.connect(self._connect, address, hello, deadline))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        task.add_done_callback(_retrieve)
        return task

    async def _connect(self, address: Address, hello: Hello, deadline: Deadline) -> AioConnection:
        """Connect, and note the connection in the step that ends the task: whoever closes sees one of the two."""
        connection = await connect(address, hello, deadline)
        self._open = [one for one in self._open if not one.closed.done()] + [connection]
        if self._gone.is_set():
            connection.end_waits()
            connection.close()
        return connection

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises ReaderGone once the transport is closed."""
        with contextlib.suppress(TimeoutError):
            async with timeout(seconds):
                await self._gone.wait()
                raise ReaderGone

    def lock(self) -> AioLock:
        """Return a new lock."""
        return AioLock()

    def close(self) -> None:
        """End all waits and refuse new ones: they raise ReaderGone, at once. Connections are closed by who has them."""
        self._gone.set()
        for task in self._connecting:
            task.cancel()
        for connection in self._open:
            connection.end_waits()
        for call in self._when_closed:
            call()

    async def closed(self) -> None:
        """Close the connections that are left, and wait for their end: a loop that ends earlier leaves sockets open."""
        for connection in self._open:
            connection.close()
        if self._connecting:
            await asyncio.wait(list(self._connecting), timeout=CLOSE_SECONDS)
        if closing := [one.closed for one in self._open if one.closing]:
            await asyncio.wait(closing, timeout=CLOSE_SECONDS)


def _retrieve(task: asyncio.Task[AioConnection]) -> None:
    """Have a failure that nobody waits for any more not logged by asyncio."""
    if not task.cancelled():
        task.exception()


class AioLock:
    """A lock for tasks; see ``Lock``."""

    def __init__(self) -> None:
        """Use the loop that runs when the lock is first held."""
        self._lock = asyncio.Lock()

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """Hold the lock while ``action`` runs, and return its result."""
        async with self._lock:
            return await action()
