"""Load: members that read, senders that talk, and the truth about what arrived.

Every member is sent the same entries in the same bytes, so a checksum of a member's stream against that of one member
whose every line was parsed shows that it got every message, once, in order: a benchmark that is also a check. Plain
sockets in one epoll loop, so that the generator costs less than the server it measures.
"""

from __future__ import annotations

import contextlib
import re
import resource
import select
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from chatctl import protocol
from chatctl.client.address import Address
from chatctl.client.blocking import Deadline, open_socket
from chatctl.client.strangers import stranger
from chatctl.errors import ChatError, NickTaken, PeerBroke, TooLong, Unreachable, from_wire
from chatctl.protocol import Framer, Hello, Pong, Say, Welcome
from chatctl.text import clean_bytes

_READ = 256 * 1024
ANSWER_SECONDS = 5.0
"""How long a server may take to let one in."""

_SETTLE_SECONDS = 30.0
"""How long what was said may take to arrive everywhere before it counts as missing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. ``rate`` is messages a second by all senders together, None as fast as acknowledgements come."""

    address: Address
    room: str = protocol.DEFAULT_ROOM
    members: int = 100
    senders: int = 1
    seconds: float = 5.0
    rate: float | None = None
    size: int = 64
    dialect: str = "json"
    """What the members speak: json or text. Senders speak json, for the acknowledgements."""
    window: int = 64
    """Messages under way at once, all senders together, where no rate is given."""


@dataclass(slots=True)
class Outcome:
    """What happened. Seconds are wall time but for ``own_cpu``; latencies are of the deliveries that were timed."""

    said: int = 0
    delivered: int = 0
    seconds: float = 0.0
    own_cpu: float = 0.0
    joined_in: float = 0.0
    latencies: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Socket:
    """One connection that is in: what it sent and got, counted."""

    def __init__(self, plan: Plan, hello: bytes) -> None:
        """Connect and send the hello; ``enter`` reads its answer."""
        self.sock = open_socket(plan.address, Deadline.after(ANSWER_SECONDS))
        self.sock.settimeout(ANSWER_SECONDS)
        self.framer = Framer(protocol.MAX_SERVER_LINE)
        self._address = plan.address
        self._first = b""
        try:
            self.sock.sendall(hello)
        except OSError as error:
            raise self._not_in(error) from None

    def _more(self) -> bytes:
        """Read on until we are in; give all that came. Raises Unreachable."""
        try:
            data = self.sock.recv(_READ)
        except OSError as error:
            raise self._not_in(error) from None
        if not data:
            raise Unreachable(f"{self._address} closed the connection before it let us in")
        self._first += data
        return self._first

    def _not_in(self, error: OSError) -> Unreachable:
        if isinstance(error, TimeoutError):
            return Unreachable(f"cannot reach {self._address}: it accepts, but says nothing")
        why = (error.strerror or str(error)).lower()
        return Unreachable(f"the connection to {self._address} broke ({why}) before it let us in")

    def enter(self) -> Welcome:
        """Read up to the welcome. Raises ChatError for anything else."""
        while b"\n" not in (buffer := self._more()):
            pass
        line, _, rest = buffer.removeprefix(protocol.GREETING).partition(b"\n")
        try:
            frame = protocol.decode_server(line)
        except PeerBroke:
            raise stranger(self._address, buffer) from None
        if isinstance(frame, protocol.Error):
            if frame.code == NickTaken.wire_code:
                raise NickTaken("a name of ours is taken there: is another bench running in this room?")
            raise from_wire(frame.code, frame.text)
        if not isinstance(frame, Welcome):
            raise stranger(self._address, buffer)
        list(self.framer.feed(rest))
        self.sock.setblocking(False)
        return frame


class Member(Socket):
    """Reads. ``tail`` is what it has of a line that is not complete."""

    def __init__(self, plan: Plan, number: int) -> None:
        """See Socket."""
        hello = protocol.encode(Hello(v=protocol.VERSION, nick=f"m{number}", room=plan.room))
        super().__init__(plan, hello if plan.dialect == "json" else f"m{number}\n".encode())
        self._mark = _MSG if plan.dialect == "json" else _SAID
        self.lines = 0
        self.sum = 0
        self.tail = b""

    def enter_text(self) -> None:
        """Read up to the line that says we are in."""
        while b"Connected to server!" not in (buffer := self._more()):
            if b"! " in buffer:
                raise PeerBroke(f"{self._address} did not let us in: {clean_bytes(buffer[-200:], 200)}")
        self.sock.setblocking(False)

    def take(self, data: bytes, stamped: Callable[[bytes], None] | None) -> int:
        """Count the entries in what was read, and give how many there were."""
        data = self.tail + data
        end = data.rfind(b"\n") + 1
        whole, self.tail = data[:end], data[end:]
        if whole.count(self._mark) != whole.count(b"\n"):
            whole = self._entries(whole)
        if stamped is not None:
            stamped(whole)
        self.sum = zlib.crc32(whole, self.sum)
        count = whole.count(b"\n")
        self.lines += count
        return count

    def _entries(self, whole: bytes) -> bytes:
        """Leave out what else a member gets: joins and pings. A ping is answered."""
        lines = whole.split(b"\n")
        if any(line.startswith(_PING) for line in lines):
            with contextlib.suppress(OSError):
                self.sock.send(protocol.encode(Pong()))
        return b"".join(line + b"\n" for line in lines if line.startswith(self._mark))


_STAMP = re.compile(rb"[0-9]{20}")
_MSG = b'{"type":"msg"'  # can't stand in a text: its quotes would be escaped
_SAID = b"sender"  # as a text member sees it: the senders' names start so
_PING = b'{"type":"ping"'


class Load:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        """Connect nobody yet."""
        self._plan = plan
        self._poll = select.epoll()
        self._members: dict[int, Member] = {}
        self._senders: list[Socket] = []
        self._unacked = 0
        self._next = 0
        self.outcome = Outcome()

    def enter(self, tick: Callable[[int], None] = lambda _: None) -> None:
        """Let all members and senders in. Raises ChatError if one is refused."""
        plan, started = self._plan, time.monotonic()
        for number in range(plan.members):
            member = Member(plan, number)
            self._members[member.sock.fileno()] = member
            if plan.dialect == "json":
                member.enter()
            else:
                member.enter_text()
            tick(number + 1)
        for number in range(plan.senders):
            sender = Socket(plan, protocol.encode(Hello(v=1, nick=f"sender{number}", room=plan.room, mode="post")))
            self._senders.append(sender)
            self._check_size(sender.enter())
        self.outcome.joined_in = time.monotonic() - started
        for fd in [*self._members, *(sender.sock.fileno() for sender in self._senders)]:
            self._poll.register(fd, select.EPOLLIN)

    def _check_size(self, welcome: Welcome) -> None:
        if self._plan.size > welcome.limits.text:
            raise TooLong(f"--size {self._plan.size} is over what the server takes, {welcome.limits.text} bytes")

    def run(self, tick: Callable[[float], None] = lambda _: None) -> Outcome:
        """Talk for the time planned, wait until all has arrived, and check it."""
        plan, outcome = self._plan, self.outcome
        self._quiet()
        by_fd = {sender.sock.fileno(): sender for sender in self._senders}
        cpu, started = _cpu(), time.monotonic()
        end, settle_by = started + plan.seconds, started + plan.seconds + _SETTLE_SECONDS
        while (now := time.monotonic()) < settle_by:
            if now < end:
                self._talk(now - started)
            elif outcome.delivered >= outcome.said * plan.members and self._unacked == 0:
                break
            tick(now - started)
            wait = 0.5 if plan.rate is None else max(0.0, min(0.5, self._next / plan.rate + started - now))
            for fd, _ in self._poll.poll(wait if now < end else 0.5):
                member = self._members.get(fd)
                if member is not None:
                    self._read(member)
                else:
                    self._acks(by_fd[fd])
        outcome.seconds = time.monotonic() - started
        outcome.own_cpu = _cpu() - cpu
        self._verify()
        return outcome

    def _quiet(self) -> None:
        """Wait until the last join was told: what comes from now on is the load."""
        while self._poll.poll(0.3):
            for member in self._members.values():
                with contextlib.suppress(BlockingIOError):
                    member.take(member.sock.recv(_READ), None)
        for member in self._members.values():
            member.lines = member.sum = 0

    def _talk(self, elapsed: float) -> None:
        plan = self._plan
        due = plan.window - self._unacked if plan.rate is None else int(elapsed * plan.rate) + 1 - self._next
        for _ in range(max(0, due)):
            sender = self._senders[self._next % len(self._senders)]
            text = f"{time.monotonic_ns():020d}".ljust(plan.size, "x")
            try:
                sender.sock.sendall(protocol.encode(Say(text, id=str(self._next))))
            except BlockingIOError:
                self.outcome.faults.append("the server did not read in time")
                return
            except OSError as error:
                raise self._gone(error) from None
            self._next += 1
            self._unacked += 1
            self.outcome.said += 1

    def _acks(self, sender: Socket) -> None:
        try:
            data = sender.sock.recv(_READ)
        except OSError as error:
            raise self._gone(error) from None
        if not data:
            raise self._gone()
        for line in sender.framer.feed(data):
            if not line.startswith(b"{"):
                raise PeerBroke(f"{self._plan.address} broke the protocol: it said {clean_bytes(line)}")
            if line.startswith(b'{"type":"ack"'):
                self._unacked -= 1
            elif line.startswith(b'{"type":"error"'):
                self._unacked -= 1
                self.outcome.said -= 1
                self.outcome.faults.append(line.decode(errors="replace")[:200])

    def _gone(self, error: OSError | None = None) -> ChatError:
        why = (error.strerror or str(error)).lower() if error is not None else "it was closed"
        return ChatError(f"the connection to {self._plan.address} broke ({why}) in the middle of the load")

    def _read(self, member: Member) -> None:
        try:
            data = member.sock.recv(_READ)
        except OSError as error:
            data = b""
            self.outcome.faults.append(f"a member was cut off: {error.strerror}")
        if not data:
            self._poll.unregister(member.sock.fileno())
            return
        timed = self._stamped if self._plan.rate is not None or member is self._reference else None
        self.outcome.delivered += member.take(data, timed)

    @property
    def _reference(self) -> Member:
        return next(iter(self._members.values()))

    def _stamped(self, whole: bytes) -> None:
        now = time.monotonic_ns()
        for stamp in _STAMP.findall(whole):
            self.outcome.latencies.append((now - int(stamp)) / 1e9)

    def _verify(self) -> None:
        outcome = self.outcome
        reference = self._reference
        for number, member in enumerate(self._members.values()):
            if member.lines != outcome.said:
                outcome.faults.append(f"member {number} got {member.lines} of {outcome.said} messages")
            elif member.sum != reference.sum:
                outcome.faults.append(f"member {number} got other bytes than member 0")

    def close(self) -> None:
        """Hang up."""
        self._poll.close()
        for connection in [*self._members.values(), *self._senders]:
            connection.sock.close()


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
