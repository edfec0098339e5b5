"""The core on blocking sockets: what it awaits blocks, so no event loop is needed and none is loaded.

``drive`` runs a coroutine of the core to its end, ``each`` one of its asynchronous generators.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from chatctl.client.core.servers import Log, Servers
from chatctl.client.io import clock
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_socket import wait_ready
from chatctl.protocol import VERSION, Hello

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator

    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline

T = TypeVar("T")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of the core on a BlockingTransport, and return its result."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits for an event loop")


def each(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """Yield the items of an asynchronous generator of the core."""
    try:
        while True:
            try:
                item = drive(items.__anext__())
            except StopAsyncIteration:
                return
            yield item
    finally:
        drive(items.aclose())


def ask(
    address: Address,
    room: str,
    mode: Literal["watch", "probe"],
    request: Callable[[BlockingConnection, Deadline], Coroutine[Any, Any, T]],
    deadline: Deadline,
) -> T:
    """Connect, make one request (client/requests.py), and hang up. Raises ChatError as those do."""
    with connect(address, Hello(v=VERSION, room=room, mode=mode), deadline) as connection:
        return drive(request(connection, deadline))


def connect(address: Address, hello: Hello, deadline: Deadline) -> BlockingConnection:
    """Connect to one of an address's servers and be let in. Raises as ``Servers.connect``."""
    return drive(BlockingTransport().connect(address, hello, deadline))


class BlockingTransport:
    """Connections, time and randomness for one thread at a time; see ``Transport``."""

    now = staticmethod(clock.now)
    random_bytes = staticmethod(os.urandom)
    tears = True  # a signal's handler runs between any two instructions

    def __init__(self, reader: int | None = None, log: Log | None = None) -> None:
        """Let waits raise ReaderGone once the pipe with the writing end ``reader`` is closed at its other end.

        ``log`` hears of each connection.
        """
        self._reader = reader
        self._log = log
        self._servers = Servers(log)

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> BlockingConnection:
        """Connect to one of an address's servers and be let in. Raises as ``Servers.connect``."""
        return await self._servers.connect(self._connect, address, hello, deadline)

    async def _connect(self, address: Address, hello: Hello, deadline: Deadline) -> BlockingConnection:
        return BlockingConnection(address, hello, deadline, self._reader)

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises ReaderGone."""
        wait_ready(self._reader, seconds)

    def lock(self) -> BlockingLock:
        """Return a new lock."""
        return BlockingLock()


class ClosableBlockingTransport(BlockingTransport):
    """One that another thread can close; see ``ClosableTransport``.

    Who closes the transport closes the reading end of a pipe, whose writing end each wait watches. Sockets are closed
    by the thread that uses them alone.
    """

    def __init__(self, log: Log | None = None) -> None:
        """Make the pipe; ``log`` hears of each connection."""
        self._reading: int | None
        self._reading, self._writing = os.pipe()
        self._when_closed: list[Callable[[], object]] = []
        super().__init__(log=log)

    def another(self) -> ClosableBlockingTransport:
        """Return a transport that is closed by itself."""
        return ClosableBlockingTransport(self._log)

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> BlockingConnection:
        """Connect and be let in. Raises as ``Servers.connect``; ReaderGone once it is closed."""
        wait_ready(self._writing, 0.0)
        return await super().connect(address, hello, deadline)

    async def _connect(self, address: Address, hello: Hello, deadline: Deadline) -> BlockingConnection:
        return BlockingConnection(address, hello, deadline, closing=self._writing)

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises ReaderGone once it is closed."""
        wait_ready(self._writing, seconds)

    def close(self) -> None:
        """End all waits and refuse new ones: they raise ReaderGone, at once. Connections are closed by who has them."""
        reading, self._reading = self._reading, None
        if reading is not None:
            os.close(reading)
            for call in self._when_closed:
                call()

    def when_closed(self, call: Callable[[], object]) -> None:
        """Have ``close`` call this, too."""
        self._when_closed.append(call)

    async def closed(self) -> None:
        """Return: a blocking connection is closed at once."""

    def __del__(self) -> None:
        """Close what is left: nobody waits any more."""
        self.close()
        os.close(self._writing)


class BlockingLock:
    """A lock for threads; see ``Lock``.

    A signal's exception may come at any place where Python calls something or enters a function of its own. So acquire
    and release are calls of C functions in one ``try``: after the first the lock is held, after the second it is not,
    and no exception can come in between.
    """

    def __init__(self) -> None:
        """Start released. The thread that holds it may take it again: a signal's handler may say something, too."""
        import threading

        self._lock = threading.RLock()

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """Hold the lock while ``action`` runs, and return its result."""
        try:
            self._lock.acquire()
            return await action()
        finally:
            try:  # noqa: SIM105 — suppress() is a Python function
                self._lock.release()
            except RuntimeError:  # the exception came while we waited for the lock
                pass
