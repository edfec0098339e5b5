"""A transport without a world: its clock moves when somebody waits, and its connections say what a test scripts."""

from __future__ import annotations

from collections.abc import Iterable

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.io.blocking_transport import BlockingLock
from chatctl.errors import ChatError
from chatctl.protocol import ClientFrame, Hello, Limits, ServerFrame, Welcome

ADDRESS = Address("a-server", 5500)


def welcome(last: int = 0, epoch: str = "e") -> Welcome:
    return Welcome(
        v=1, server="s", room="lobby", nick="", epoch=epoch, first=1, last=last,
        members=[], count=0, watchers=0, durability="memory", limits=Limits(),
    )  # fmt: skip


class FakeConnection:
    """Returns the frames of its script one after the other; then it is silent for ever."""

    def __init__(self, transport: FakeTransport, script: Iterable[ServerFrame | Exception] = ()) -> None:
        self.welcome = welcome()
        self.sent: list[ClientFrame] = []
        self.closed = False
        self.blocked = False
        self._transport = transport
        self._script = list(script)

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        if self.blocked:
            self._transport.wait_for(deadline)
        self.sent.append(frame)

    async def receive(self, deadline: Deadline) -> ServerFrame:
        if not self._script:
            self._transport.wait_for(deadline)
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def pending(self) -> list[ServerFrame]:
        return []

    def close(self) -> None:
        self.closed = True


class FakeTransport:
    """Makes the scripted connections, or raises the scripted errors, one after the other."""

    tears = True

    def __init__(self, *steps: Iterable[ServerFrame | Exception] | ChatError) -> None:
        self.time = 1000.0
        self.slept: list[float] = []
        self.hellos: list[Hello] = []
        self.connections: list[FakeConnection] = []
        self.blocked = False
        self._steps = list(steps)

    async def connect(self, _address: Address, hello: Hello, _deadline: Deadline) -> FakeConnection:
        self.hellos.append(hello)
        step = self._steps.pop(0)
        if isinstance(step, ChatError):
            raise step
        connection = FakeConnection(self, step)
        connection.blocked = self.blocked
        self.connections.append(connection)
        return connection

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def now(self) -> float:
        return self.time

    def random_bytes(self, count: int) -> bytes:
        """Return the largest number: a back-off is as long as it can be."""
        return b"\xff" * count

    def lock(self) -> BlockingLock:
        return BlockingLock()

    def wait_for(self, deadline: Deadline) -> None:
        """Let the time pass for which nothing happens."""
        assert deadline.at is not None, "this waits for ever"
        self.time = max(self.time, deadline.at)
        raise DeadlinePassed("the deadline passed")


def ended(retry_after: float | None = None) -> ConnectionEnded:
    return ConnectionEnded("it broke", retry_after=retry_after)
