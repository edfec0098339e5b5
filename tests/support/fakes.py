"""A hub without sockets: connections on fake transports, a loop that is turned by hand, a clock that is set."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from chatctl import protocol as p
from chatctl.common.verbs import Role
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator
from chatctl.core.dialects import JSON, Dialect
from chatctl.core.leases import Leases
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from chatctl.directory import Directory
from chatctl.directory.memory import MemoryDirectory
from chatctl.errors import ChatError, StorageFailed
from chatctl.hub.admin_target import Actor
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal import Deliver, Draft, Facts, Head, OnAppended, OnKept, RebuildCost, Receipt
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Frame, encode
from chatctl.server.connection import READ_BYTES, Connection
from chatctl.server.unsent import UnsentOutput
from tests.support.late_directory import LateDirectory


class FakeReader:
    """A cursor that keeps what it is given."""

    def __init__(self, dialect: Dialect = JSON, after: int = 0) -> None:
        self.dialect = dialect
        self.after = after
        self.paused = False
        self.behind = False
        self.missed: list[p.Frame] = []
        self.pauses_after: int | None = None
        self.parts: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.parts.append(data)
        if self.pauses_after is not None:
            self.pauses_after -= 1
            if self.pauses_after <= 0:
                self.paused, self.pauses_after = True, None

    @property
    def wire(self) -> bytes:
        return b"".join(self.parts)

    @property
    def frames(self) -> list[p.ServerFrame]:
        return [p.decode_server(line) for line in self.wire.splitlines()]


class FakeTransport(asyncio.Transport):
    """A socket whose client reads everything at once, until it stops.

    What the client sends waits here while the connection does not read, as it would wait in the kernel.
    """

    def __init__(self, house: House) -> None:
        super().__init__({"sockname": ("192.0.2.1", 5500)})
        self.unsent = 0
        self.parts: list[bytes] = []
        self.closed = self.aborted = False
        self.pauses_after: int | None = None
        self._house = house
        self._unread: list[bytes | None] = []
        self._reads = True

    # --- the connection's calls

    def attach(self, connection: Connection) -> None:
        self._connection = connection
        connection.connection_made(self)
        self.parts.clear()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignore them: ``pauses_after`` and ``stop_reading`` say when the client has stopped reading."""

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.parts.append(data)
        if self.pauses_after is not None:
            self.pauses_after -= 1
            if self.pauses_after <= 0:
                self.stop_reading()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_reading(self) -> bool:
        return self._reads

    def pause_reading(self) -> None:
        self._reads = False

    def resume_reading(self) -> None:
        self._reads = True
        if self._unread:
            self._house.call_soon(self._deliver)

    # --- the client

    def stop_reading(self) -> None:
        """Let the output go over its high-water mark."""
        self.pauses_after = None
        if not self.unsent:
            self.unsent = self._house.limits.out_buffer + 1
            self._connection.pause_writing()

    def read_on(self) -> None:
        """Let the output drain."""
        self.pauses_after = None
        if self.unsent:
            self.unsent = 0
            self._connection.resume_writing()

    def receive(self, data: bytes | None) -> None:
        """Have the client send bytes, or (None) half-close."""
        self._unread.append(data)
        self._deliver()

    def _deliver(self) -> None:
        while self._unread and self._reads and not self.closed:
            data = self._unread.pop(0)
            if data is None:
                self._connection.eof_received()
            else:
                self._connection.data_received(data)


class FakePeer(Connection):
    """The server's own connection, with all of its brakes, on a transport without a socket."""

    def __init__(self, house: House, label: str = "here") -> None:
        super().__init__(house, label, "192.0.2.7", "192.0.2.7")
        self.house = house
        self.transport = FakeTransport(house)
        self.transport.attach(self)

    @property
    def parts(self) -> list[bytes]:
        """What it was sent, write by write."""
        return self.transport.parts

    @property
    def wire(self) -> bytes:
        """What it was sent."""
        return b"".join(self.parts)

    @property
    def frames(self) -> list[p.ServerFrame]:
        """What it was sent, as frames."""
        return [p.decode_server(line) for line in self.wire.splitlines()]

    @property
    def welcome(self) -> p.Welcome | None:
        """What it was let in with, as far as that was not taken."""
        return next(iter(only(p.Welcome, self.frames)), None)

    @property
    def codes(self) -> list[str]:
        """The errors that it was sent."""
        return [error.code for error in only(p.Error, self.frames)]

    @property
    def closed(self) -> bool:
        """Whether the server has closed it."""
        return self.transport.closed

    def send(self, data: bytes) -> None:
        assert not self.closed, "bytes for a closed connection"
        super().send(data)

    def close(self) -> None:
        assert not self.closed or self.transport.aborted, "closed twice"
        if self.replies:
            self.send(b"")
        super().close()

    # --- what a test does with it

    def say(self, *frames: Frame | bytes) -> FakePeer:
        """Have the client send these, all in one read."""
        self.transport.receive(b"".join(f if isinstance(f, bytes) else encode(f) for f in frames))
        return self

    def end(self) -> None:
        """Have the client half-close."""
        self.transport.receive(None)

    def lose(self) -> None:
        """Have the connection break."""
        self.connection_lost(ConnectionResetError())

    def stop_reading(self, *, after: int = 0) -> None:
        """Have the client stop reading, now or after so many writes."""
        if after:
            self.transport.pauses_after = after
        else:
            self.transport.stop_reading()

    def read_on(self) -> None:
        """Have the client read what waits, and go on."""
        self.transport.read_on()

    def take(self) -> list[p.ServerFrame]:
        """Return the frames that came since the last time."""
        frames = self.frames
        self.parts.clear()
        return frames

    def took(self) -> bytes:
        """Return the bytes that came since the last time."""
        wire = self.wire
        self.parts.clear()
        return wire


@dataclass(eq=False)
class Alarm:
    """A callback that is due at ``when``."""

    when: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class House:
    """A hub, its journal, a loop that is turned by hand, and clocks that stand still.

    ``wall_ahead`` is by how much the wall clock was set since the start.
    """

    answers_late: ClassVar[bool] = False
    """Whether its directory answers a turn later, as a shared one does."""

    def __init__(
        self,
        limits: ServerLimits | None = None,
        journal: MemoryJournal | None = None,
        admission: Admission | None = None,
        authenticator: Authenticator | None = None,
        rules: Rules | None = None,
        leases: Leases | None = None,
        directory: Directory | None = None,
    ) -> None:
        self.limits = limits or ServerLimits(rate=0)
        self.now = 1000.0
        self.wall_ahead = 0.0
        self.journal = journal or MemoryJournal()
        self.logged = io.StringIO()
        self.due: list[Callable[[], None]] = []
        self.alarms: list[Alarm] = []
        self.loop = self
        self.hub = Hub(
            self.journal,
            directory or self.new_directory(),
            admission or Admission("test", ["ops"]),
            self.limits,
            Log(write=lambda _level, line: print(line, file=self.logged), clock=lambda: 0.0),
            clock=lambda: self.now + self.wall_ahead,
            loop=self,
            authenticator=authenticator,
            rules=rules,
            leases=leases,
        )
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self.unsent = UnsentOutput(self.hub.memory.output, self.limits.out_buffer)
        self.received = self.sent = self.stalled = 0

    def new_directory(self) -> Directory:
        """Return the directory of a server that is given none."""
        return LateDirectory(self.journal, self.call_soon) if self.answers_late else MemoryDirectory(self.journal)

    @property
    def hubs(self) -> list[Hub]:
        """The hubs of all servers that it stands for."""
        return [self.hub]

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Stand in for the loop: due in the next turn."""
        self.due.append(callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Alarm:
        """Stand in for the loop: due when ``pass_time`` gets there."""
        return self.call_at(self.now + delay, callback)

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Stand in for the loop, as ``call_later``."""
        self.alarms.append(Alarm(when, callback))
        return self.alarms[-1]

    def time(self) -> float:
        """Stand in for the loop."""
        return self.now

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what it makes due."""
        self.now += seconds
        ripe = [alarm for alarm in self.alarms if alarm.when <= self.now]
        self.alarms = [alarm for alarm in self.alarms if alarm.when > self.now]
        for alarm in ripe:
            if not alarm.cancelled:
                alarm.callback()

    # --- what a connection needs of its server

    def add(self, connection: Connection) -> None:
        """Stand in for the server: nobody is refused for their address."""

    def bytes_of(self, network: str) -> None:
        """Stand in for the server: no address has a limit."""

    def enter(self, connection: Connection) -> None:
        """Stand in for the server."""

    def remove(self, connection: Connection, why: str) -> None:
        """Stand in for the server."""
        self.hub.disconnect(connection, why)

    def places(self, sockname: object, channel: bytes) -> tuple[str, ...]:
        """Stand in for the server."""
        return ("tcp:192.0.2.1:5500",)

    # --- what a test does with it

    def turn(self) -> None:
        """Let one turn of the loop pass."""
        due, self.due[:] = list(self.due), []
        for callback in due:
            callback()

    def settle(self) -> None:
        """Let turns pass until nothing is due."""
        for _ in range(1000):
            if not self.due:
                return
            self.turn()
        raise AssertionError("the hub never comes to rest")

    def peer(self, *frames: Frame | bytes) -> FakePeer:
        """Connect; have it say these at once."""
        peer = FakePeer(self)
        return peer.say(*frames) if frames else peer

    def join(self, nick: str, token: str | None = None, **fields: object) -> FakePeer:
        """Have a json client join, and let it all be told."""
        peer = self.peer(p.Hello(v=1, nick=nick, token=token, **fields))  # type: ignore[arg-type]
        self.settle()
        return peer

    def text(self, nick: str) -> FakePeer:
        """Have a text client join, and let it all be told."""
        peer = self.peer(f"{nick}\n".encode())
        self.settle()
        return peer

    def classic(self, nick: str) -> FakePeer:
        """Have a client of the first version join, and let it all be told."""
        peer = self.peer(nick.encode())
        self.pass_time(0.25)
        self.settle()
        return peer


class SlowJournal(MemoryJournal):
    """Commits when it is told to, as one on a disk would; or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Sequence[Draft], OnAppended]] = []

    def append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        self.waiting.append((batch, done))

    def commit(self) -> None:
        batch, done = self.waiting.pop(0)
        super().append(batch, done)

    def fail(self) -> None:
        _, done = self.waiting.pop(0)
        done(StorageFailed("the disk is full"))

    def follow(self, room: str, deliver: Deliver) -> Head:
        return super().follow(room, deliver)


def only(kind: type[Frame], frames: Sequence[Frame]) -> list:
    """Return the frames of one kind."""
    return [frame for frame in frames if type(frame) is kind]


def frames_of(peer: FakePeer) -> list[p.ServerFrame]:
    """Return what somebody was sent since the last time, without the welcome."""
    return [frame for frame in peer.take() if not isinstance(frame, p.Welcome)]


def done(outcome: p.Done | ChatError) -> p.Done:
    """Return the outcome of an order that has to be carried out."""
    assert isinstance(outcome, p.Done), outcome
    return outcome


class KeepingJournal(MemoryJournal):
    """Keeps facts when it is told to, as one on a disk would; or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str | None] = {}
        self.waiting: list[tuple[Facts, OnKept]] = []
        self.at_once = True

    async def cost(self) -> RebuildCost | None:
        return RebuildCost(3 << 20, 1 << 30, 4 << 20)

    def append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        def committed(outcome: Sequence[Receipt] | StorageFailed) -> None:
            assert not isinstance(outcome, StorageFailed)
            for draft, receipt in zip(batch, outcome, strict=True):
                if draft.seq_fact is not None and receipt.seq is not None and not receipt.reused:
                    self.kept[draft.seq_fact] = str(receipt.seq)
            done(outcome)

        super().append(batch, committed)

    def keep(self, changes: Facts, done: OnKept) -> None:
        self.waiting.append((changes, done))
        if self.at_once:
            self.commit()

    def commit(self) -> None:
        changes, done = self.waiting.pop(0)
        self.kept.update(changes)
        done(None)

    def fail(self) -> None:
        self.waiting.pop(0)[1](StorageFailed("the disk is full"))


def order(
    house: House, role: Role, verb: str, target: str, settle: Callable[[], None] | None = None, **more: object
) -> p.Done | ChatError:
    """Have it ordered as this role would; give the outcome. ``settle`` does what that of the house does, and more."""
    outcomes: list[p.Done | ChatError] = []
    ask = p.Admin(verb=verb, target=target, **more)  # type: ignore[arg-type]

    async def give() -> None:
        if role == "console":
            house.hub.admin.order_from_console(ask, outcomes.append)
        else:
            house.hub.admin.carry_out(ask, Actor(role, "nadia", "lobby"), outcomes.append)
        for _ in range(20):
            (settle or house.settle)()
            await asyncio.sleep(0)

    asyncio.run(give())
    assert len(outcomes) == 1, "one answer for one order"
    return outcomes[0]
