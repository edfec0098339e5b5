"""The interface through which the core reaches the world: connections, time, randomness. Types alone.

The core is written once, as coroutines that know no event loop. On asyncio they are awaited (io/aio_transport.py). On
blocking sockets nothing that they await ever suspends, so a single ``send`` runs them to their end
(io/blocking_transport.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.protocol import ClientFrame, Hello, ServerFrame, Welcome

T = TypeVar("T")


class OpenConnection(Protocol):
    """A connection on which the server let us in."""

    @property
    def welcome(self) -> Welcome:
        """The server's first answer."""

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """Hand a frame to the kernel. Raises DeadlinePassed, ConnectionEnded."""

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke; ReaderGone where one is known."""
        ...

    async def pending(self) -> Iterable[ServerFrame]:
        """Return the frames that have arrived, without waiting. Raises ConnectionEnded, PeerBroke."""
        ...

    def close(self) -> None:
        """Send ``bye`` if that is possible at once, and close."""


class Transport(Protocol):
    """Connections, time and randomness."""

    @property
    def tears(self) -> bool:
        """Whether an exception from outside may come at any place, and not only where something is awaited."""
        ...

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> OpenConnection:
        """Connect and be let in. Raises Unreachable, PeerBroke, and what the server refuses with."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises ReaderGone where a reader is known."""

    def now(self) -> float:
        """Return the time, in seconds on a monotonic clock."""
        ...

    def random_bytes(self, count: int, /) -> bytes:
        """Return ``count`` random bytes, fit for secrets."""
        ...

    def lock(self) -> Lock:
        """Return a new lock."""
        ...


class ClosableTransport(Transport, Protocol):
    """A transport that can be closed from another task or thread, while something is awaited."""

    def close(self) -> None:
        """End all waits and refuse new ones: they raise ReaderGone, at once. Connections are closed by who has them."""

    async def closed(self) -> None:
        """Close the connections that are left, and wait until their last bytes have left."""

    def when_closed(self, call: Callable[[], object]) -> None:
        """Have ``close`` call this, too."""

    def another(self) -> ClosableTransport:
        """Return a transport that is closed by itself."""
        ...


class Lock(Protocol):
    """Held by one task or thread at a time."""

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """Hold the lock while ``action`` runs, and return its result. Any exception releases it."""
        ...
