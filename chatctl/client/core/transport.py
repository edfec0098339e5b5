"""What the core needs of a shell: connections and time. Types alone; a shell does it, and decides nothing.

The core is written once, as coroutines that know no event loop. On asyncio they are awaited (aio_shell.py). On plain
sockets nothing that they await ever waits for a loop: it blocks, so one ``send`` runs them to their end
(blocking_shell.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.protocol import ClientFrame, Hello, ServerFrame, Welcome

T = TypeVar("T")


class Peer(Protocol):
    """One connection on which we were let in."""

    @property
    def welcome(self) -> Welcome:
        """What the server said of itself."""

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """Hand a frame to the kernel. Raises DeadlinePassed, ConnectionEnded."""

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke; ReaderGone where one is known."""
        ...

    async def look(self) -> Iterable[ServerFrame]:
        """Give what has come, without a wait. Raises ConnectionEnded, PeerBroke."""
        ...

    def close(self) -> None:
        """Say bye if that is possible at once, and close."""


class Shell(Protocol):
    """The world, as the core sees it."""

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> Peer:
        """Connect and be let in. Raises Unreachable, PeerBroke, and what the server refuses with."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let time go by. Raises ReaderGone where one is known."""

    def lock(self) -> Lock:
        """Give what one task or thread at a time can hold."""
        ...


class Lock(Protocol):
    """Held by one task or thread at a time."""

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """Hold it while ``action`` is done, and give what that gives. It is let go wherever an exception comes from."""
        ...
