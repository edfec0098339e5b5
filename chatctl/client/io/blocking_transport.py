"""The core on plain sockets: what it awaits blocks, so no event loop is needed and none is loaded.

``drive`` runs one coroutine of the core to its end, ``each`` one of its iterators. Source: shell.py.
"""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING, Any, TypeVar

from chatctl.client.core.deadline import Deadline, DeadlinePassed, ReaderGone
from chatctl.client.io.blocking_connection import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator

    from chatctl.client.core.address import Address
    from chatctl.protocol import ClientFrame, Hello, ServerFrame

T = TypeVar("T")

_GONE = select.POLLERR | select.POLLHUP


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of the core that is on this shell, and give what it gives."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits for an event loop")


def each(items: AsyncGenerator[T, None]) -> Iterator[T]:
    """Yield what an iterator of the core yields."""
    try:
        while True:
            try:
                item = drive(items.__anext__())
            except StopAsyncIteration:
                return
            yield item
    finally:
        drive(items.aclose())


class BlockingPeer:
    """One connection."""

    def __init__(self, connection: Connection, reader: int | None = None) -> None:
        """Use ``connection``, as long as somebody reads from ``reader``."""
        self._connection = connection
        self._reader = reader
        self.welcome = connection.welcome

    def fileno(self) -> int:
        """Give the socket's descriptor, to wait for it beside another one."""
        return self._connection.fileno()

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """See Peer."""
        self._connection.send(frame, deadline)

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """See Peer."""
        if self._reader is None:
            return self._connection.receive(deadline)
        while (frame := next(self._connection.pending(), None)) is None:
            if not _wait(self._reader, deadline.left(), self.fileno()):
                raise DeadlinePassed("the deadline passed")
            with contextlib.suppress(DeadlinePassed):
                self._connection.poll()
        return frame

    async def look(self) -> Iterable[ServerFrame]:
        """See Peer."""
        if _wait(None, 0.0, self.fileno()):
            self._connection.poll()
        return list(self._connection.pending())

    def close(self) -> None:
        """See Peer."""
        self._connection.close()


class BlockingTransport:
    """Connections and time, for one thread at a time."""

    def __init__(self, reader: int | None = None) -> None:
        """Raise ReaderGone from a wait once nobody reads any more from the pipe whose descriptor is ``reader``."""
        self._reader = reader

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> BlockingPeer:
        """See Shell."""
        return BlockingPeer(Connection(address, hello, deadline), self._reader)

    async def sleep(self, seconds: float) -> None:
        """See Shell."""
        _wait(self._reader, seconds)

    def lock(self) -> BlockingLock:
        """See Shell."""
        return BlockingLock()


def _wait(reader: int | None, seconds: float | None, *readable: int) -> bool:
    """Wait for one of the descriptors to be ``readable``, or for the time to pass: False."""
    poll = select.poll()
    for descriptor in readable:
        poll.register(descriptor, select.POLLIN)
    if reader is not None:
        poll.register(reader, 0)
    events = dict(poll.poll(None if seconds is None else int(seconds * 1000) + (seconds > 0)))
    if reader is not None and events.pop(reader, 0) & _GONE:
        raise ReaderGone
    return bool(events)


class BlockingLock:
    """See Lock: threads take their turn.

    A signal's exception may come at any place where Python calls something, or begins a function of its own. So both
    ends are calls of C in one ``try``: when the one returns we are in it, and when the other returns it is let go.
    """

    def __init__(self) -> None:
        """Be free. The thread that holds it may take it once more: a signal's handler may say something, too."""
        import threading

        self._lock = threading.RLock()

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """See Lock."""
        try:
            self._lock.acquire()
            return await action()
        finally:
            try:  # noqa: SIM105 — suppress() is a function of Python's own
                self._lock.release()
            except RuntimeError:  # the exception came while we waited for our turn
                pass
