"""What stands in for the shells: a peer without a socket, a loop that is turned by hand, a clock that is set."""

import io
from collections.abc import Callable, Sequence

from chatctl import protocol as p
from chatctl.common.verbs import Role
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator, ConnectionInfo
from chatctl.core.dialects import JSON, Dialect
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from chatctl.core.peer import Peer
from chatctl.core.session import Session
from chatctl.errors import ChatError, StorageFailed
from chatctl.hub.admin_target import Actor
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal import Deliver, Draft, Facts, Head, OnAppended, OnKept
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Frame, encode


class FakeReader:
    """A cursor that keeps what it is given."""

    def __init__(self, dialect: Dialect = JSON, after: int = 0) -> None:
        self.dialect = dialect
        self.after = after
        self.paused = False
        self.behind = False
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


class FakePeer(FakeReader, Peer):
    """A connection without a socket, whose session is fed by hand. It pumps as connection.py does."""

    def __init__(self, house: "House", label: str = "here") -> None:
        info = ConnectionInfo("192.0.2.7", ("tcp:192.0.2.1:5500",))
        FakeReader.__init__(self)
        Peer.__init__(self, Session(house.limits, house.now), label, info)
        self.house = house
        self.closed = False

    def send(self, data: bytes) -> None:
        assert not self.closed, "bytes for a closed connection"
        replies, self.replies = self.replies, []
        super().send(b"".join([*replies, data]))

    def close(self) -> None:
        assert not self.closed, "closed twice"
        if self.replies:
            self.send(b"")
        self.closed = True

    def pump(self) -> None:
        while self.leaving is None and not self.paused and (effect := self.session.step(self.house.now)) is not None:
            self.house.hub.perform(self, effect)

    # --- what a test does with it

    def say(self, *frames: Frame | bytes) -> "FakePeer":
        """Have the client send these, all in one read."""
        self.session.receive(b"".join(f if isinstance(f, bytes) else encode(f) for f in frames), self.house.now)
        self.pump()
        return self

    def end(self) -> None:
        """Have the client half-close."""
        self.session.end(self.house.now)
        self.pump()

    def lose(self) -> None:
        """Have the connection break."""
        self.house.hub.disconnect(self, "reset")

    def take(self) -> list[p.ServerFrame]:
        """Give the frames that came since the last time."""
        frames = self.frames
        self.parts.clear()
        return frames

    def took(self) -> bytes:
        """Give the bytes that came since the last time."""
        wire = self.wire
        self.parts.clear()
        return wire


class House:
    """A hub, its journal, a loop that is turned by hand and a clock that stands still."""

    def __init__(
        self,
        limits: ServerLimits | None = None,
        journal: MemoryJournal | None = None,
        admission: Admission | None = None,
        gate: Authenticator | None = None,
        rules: Rules | None = None,
    ) -> None:
        self.limits = limits or ServerLimits(rate=0)
        self.now = 1000.0
        self.journal = journal or MemoryJournal()
        self.logged = io.StringIO()
        self.due: list[Callable[[], None]] = []
        self.alarms: list[tuple[float, Callable[[], None]]] = []
        self.hub = Hub(
            self.journal,
            admission or Admission("test", ["ops"]),
            self.limits,
            Log(out=self.logged, clock=lambda: 0.0),
            clock=lambda: self.now,
            loop=self,
            authenticator=gate,
            rules=rules,
        )

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Stand in for the loop: due in the next turn."""
        self.due.append(callback)

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Stand in for the loop: due when ``pass_time`` gets there."""
        self.alarms.append((self.now + delay, callback))

    def time(self) -> float:
        """Stand in for the loop."""
        return self.now

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what it makes due."""
        self.now += seconds
        ripe = [callback for when, callback in self.alarms if when <= self.now]
        self.alarms = [(when, callback) for when, callback in self.alarms if when > self.now]
        for callback in ripe:
            callback()

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
        self.now += 0.25
        peer.pump()
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
    """Give the frames of one kind."""
    return [frame for frame in frames if type(frame) is kind]


class KeepingJournal(MemoryJournal):
    """Keeps facts when it is told to, as one on a disk would; or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str | None] = {}
        self.waiting: list[tuple[Facts, OnKept]] = []
        self.at_once = True

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


def order(house: House, role: Role, verb: str, target: str, **more: object) -> p.Done | ChatError:
    """Have it ordered as this role would; give the outcome."""
    outcomes: list[p.Done | ChatError] = []
    ask = p.Admin(verb=verb, target=target, **more)  # type: ignore[arg-type]
    actor = Actor("console") if role == "console" else Actor(role, "nadia", "lobby")
    house.hub.admin.carry_out(ask, actor, outcomes.append)
    house.settle()
    assert len(outcomes) == 1, "one answer for one order"
    return outcomes[0]
