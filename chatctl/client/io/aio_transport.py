"""The core on asyncio: connections of wire.py, of which whoever wants it takes a frame. Source: shell.py."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.io.aio_connection import Wire, connect
from chatctl.errors import PeerBroke, Unreachable
from chatctl.protocol import Bye, ClientFrame, Hello, ServerFrame, Welcome

T = TypeVar("T")

MOST_WAITING = 1000
"""Frames that wait to be taken; with more, nothing is read."""

CLOSE_SECONDS = 1.0
"""How long what was sent last has time to leave."""


class AioPeer:
    """One connection."""

    welcome: Welcome

    def __init__(self) -> None:
        """Wait for ``enter``."""
        self.wire: Wire | None = None
        self._frames: deque[ServerFrame] = deque()
        self._news = asyncio.Event()

    def note(self, frame: ServerFrame) -> None:
        """Keep a frame until it is taken."""
        if not isinstance(frame, Welcome):
            self._frames.append(frame)
            self._news.set()

    def busy(self) -> bool:
        """Whether more has come than was taken."""
        return len(self._frames) > MOST_WAITING

    def enter(self, wire: Wire, welcome: Welcome) -> None:
        """We are in."""
        self.wire, self.welcome = wire, welcome
        wire.lost.add_done_callback(lambda _: self._news.set())

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """See Peer."""
        deadline.left()
        self._check()
        assert self.wire is not None
        self.wire.send(frame)

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """See Peer."""
        while not self._frames:
            self._check()
            self._news.clear()
            try:
                async with asyncio.timeout(deadline.left()):
                    await self._news.wait()
            except TimeoutError:
                raise DeadlinePassed("the deadline passed") from None
        return self._frames.popleft()

    async def look(self) -> Iterable[ServerFrame]:
        """See Peer."""
        for _ in range(2):  # a loop that was kept busy reads in the one turn, and tells us in the next
            await asyncio.sleep(0)
        if not self._frames:
            self._check()
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def _check(self) -> None:
        """Raise what ended the connection."""
        assert self.wire is not None
        if not self.wire.lost.done():
            return
        if isinstance(self.wire.error, PeerBroke):
            raise self.wire.error
        raise ConnectionEnded(self.wire.lost.result())

    def close(self) -> None:
        """See Peer."""
        if self.wire is not None:
            self.wire.send(Bye())
            self.wire.close()


class AioTransport:
    """Connections and time, for the tasks of one loop."""

    def __init__(self) -> None:
        """Use the loop that runs when it is first needed."""
        self._open: list[Wire] = []

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> AioPeer:
        """See Shell."""
        peer = AioPeer()
        try:
            async with asyncio.timeout(deadline.left()):
                wire, welcome = await connect(address, hello, peer.note, peer.busy)
        except (TimeoutError, DeadlinePassed):
            raise Unreachable(f"cannot reach {address}: it did not answer in time") from None
        peer.enter(wire, welcome)
        self._open = [one for one in self._open if not one.lost.done()] + [wire]
        return peer

    async def sleep(self, seconds: float) -> None:
        """See Shell."""
        await asyncio.sleep(seconds)

    def lock(self) -> AioLock:
        """See Shell."""
        return AioLock()

    async def closed(self) -> None:
        """Wait until all that was closed is: a loop that ended before would leave a socket open."""
        closing = [wire.lost for wire in self._open if wire.closing]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_SECONDS)


class AioLock:
    """See Lock: tasks take their turn."""

    def __init__(self) -> None:
        """Use the loop that runs when it is first held."""
        self._lock = asyncio.Lock()

    async def hold(self, action: Callable[[], Awaitable[T]]) -> T:
        """See Lock."""
        async with self._lock:
            return await action()
