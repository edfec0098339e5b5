"""Load: members that read, speakers that talk, and the truth about what arrived.

Plain sockets in one epoll loop, so that the generator costs less than the server it measures; ``stream.py`` judges
what they read.
"""

from __future__ import annotations

import select
import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chatctl import protocol
from chatctl.bench.checker import Reader, Tally, Truth
from chatctl.bench.connection import READ, CutOff, LoadConnection
from chatctl.bench.connector import enter, new_poll
from chatctl.bench.meter import own_cpu
from chatctl.bench.metrics import Latencies
from chatctl.bench.wire_formats import WireFormat, chatctl_speech, receipt, text_of, welcome_in
from chatctl.client.core.address import Address
from chatctl.common.text import clean_bytes
from chatctl.errors import ChatError, PeerBroke, TooLong, reason_of

_UNTIL_QUIET_SECONDS = 10.0
_MOST_SETTLE_SECONDS = 60.0
_KEPT = 64 * 1024 * 1024
"""Bytes of the truth that are kept before it is looked which of them everybody has read."""
_LINGER_SECONDS = 0.1
"""How long it looks for more once all is there: what is said twice comes after it."""
_SPARE_SECONDS = 0.001
"""epoll waits whole milliseconds, rounded up: the rest is waited for by asking."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. ``rate`` is messages a second by all speakers together, None as fast as the window allows."""

    address: Address
    room: str = protocol.DEFAULT_ROOM
    members: int = 100
    senders: int = 1
    seconds: float = 5.0
    rate: float | None = None
    size: int = 64
    dialect: str = "json"
    """What the members speak: json, text or classic. Speakers speak json, for the receipts."""
    window: int = 64
    """Messages under way at once, all speakers together, where no rate is given."""
    speech: WireFormat | None = None
    """How to speak to another kind of server; None: to chatctl, as ``dialect`` says."""
    everybody: bool = False
    """The members are the speakers."""
    stalled: int = 0
    """Of the members, so many do not read while the others talk. They are not checked."""
    at_once: int = 200
    """How many may be on their way in at a time."""
    again: bool = False
    """Who is cut off on the way in comes again."""
    enter_seconds: float = 60.0
    quiet_seconds: float = 0.3
    """For how long nothing may arrive, after all are in, before the talk begins."""
    settle_seconds: float = 5.0
    """For how long nothing may arrive, after the talk, before what is not there counts as missing."""


@dataclass(slots=True)
class Outcome:
    """What happened. Seconds are wall time but for ``own_cpu``; latencies are of the deliveries that were timed."""

    said: int = 0
    delivered: int = 0
    seconds: float = 0.0
    own_cpu: float = 0.0
    joined_in: float = 0.0
    latencies: Latencies = field(default_factory=Latencies)
    faults: list[str] = field(default_factory=list)


class Load:
    """One run of a plan: ``enter``, ``run``, ``close``."""

    def __init__(self, plan: Plan) -> None:
        """Connect nobody yet."""
        self.plan = plan
        self.outcome = Outcome()
        self.speech = plan.speech or chatctl_speech(plan.dialect, plan.room)
        self.members = [LoadConnection(f"member {n}", self.speech.hello(n), self.speech) for n in range(plan.members)]
        self.speakers = self.members
        if not plan.everybody:
            speech = chatctl_speech("json", plan.room) if plan.speech is None else self.speech
            if plan.speech is None:
                speech = replace(speech, inside=self._may_speak)
            self.speakers = [
                LoadConnection(f"speaker {n}", speech.speaker_hello(n), speech) for n in range(plan.senders)
            ]
        self._truth = Truth(self.speech, len(self.speakers), self.outcome.faults)
        self._readers: dict[int, tuple[LoadConnection, Reader | Tally]] = {}
        self._by_fd: dict[int, LoadConnection] = {}
        self._poll: select.epoll | None = None
        self._buffer = memoryview(bytearray(READ))
        self._said_at = array("q")
        self._answered = 0
        self._refused: set[int] = set()
        self._timed: int | None = None
        self._heard = 0.0
        self._acked = self.speech.acks and not plan.everybody

    def enter(self, tick: Callable[[], None] = lambda: None) -> None:
        """Let all members and speakers in. Raises ChatError if one is refused."""
        plan, started = self.plan, time.monotonic()
        apart = [] if plan.everybody else self.speakers
        enter(
            plan.address,
            [*self.members, *apart],
            at_once=plan.at_once,
            within=plan.enter_seconds,
            again=plan.again,
            tick=tick,
        )
        self.outcome.joined_in = time.monotonic() - started
        self._poll = new_poll()
        for link in [*self.members[plan.stalled :], *apart]:
            self._by_fd[link.fd] = link
            self._poll.register(link.fd, select.EPOLLIN)

    def _may_speak(self, seen: bytes) -> bool:
        """Whether a speaker is in. Raises ChatError as ``welcome_in``, and for texts that the server will not take."""
        welcome = welcome_in(seen)
        if welcome is not None and self.plan.size > welcome.limits.text:
            raise TooLong(f"--size {self.plan.size} is over what the server takes, {welcome.limits.text} bytes")
        return welcome is not None

    def settle(self) -> None:
        """Read away what comes of entering, until nothing does: what comes then is the load."""
        end = time.monotonic() + _UNTIL_QUIET_SECONDS
        while (ready := self._wait(self.plan.quiet_seconds)) and time.monotonic() < end:
            self._drain(ready)

    def idle(self, seconds: float) -> None:
        """Be there and answer what asks, for so long. Raises ChatError if one is cut off."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._drain(self._wait(left))

    def _drain(self, ready: list[int]) -> None:
        for fd in ready:
            try:
                self._by_fd[fd].drain()
            except CutOff:
                raise self._gone("it was closed") from None

    def run(self, tick: Callable[[float], None] = lambda _: None) -> Outcome:
        """Talk for the time planned, wait until all has arrived, and check it."""
        plan, outcome = self.plan, self.outcome
        self.settle()
        self._begin()
        cpu, started = own_cpu(), time.monotonic()
        end = started + plan.seconds
        while (talking := self._more_to_say(now := time.monotonic(), end)) or not self._over(now, end):
            if talking:
                self._talk(started, now)
            self._forget()
            tick(now - started)
            ready = self._wait(self._patience(started) if talking else _LINGER_SECONDS)
            for fd in ready:
                self._read(fd)
            self._heard = time.monotonic() if ready else self._heard
        outcome.seconds = max(self._heard, end) - started
        outcome.own_cpu = own_cpu() - cpu
        self._linger()
        self._judge()
        return outcome

    def close(self) -> None:
        """Hang up."""
        if self._poll is not None:
            self._poll.close()
        for link in {*self.members, *self.speakers}:
            link.close()

    # --- talking

    def _begin(self) -> None:
        for number, link in enumerate(self.members[self.plan.stalled :], self.plan.stalled):
            self._readers[link.fd] = link, self._reader(f"member {number}", link.seen)
        self._timed = self.members[-1].fd if self.plan.rate is None else None

    def _reader(self, name: str, held: bytes) -> Reader | Tally:
        if self.plan.everybody and not self.speech.one_order:
            return Tally(self.speech, len(self.speakers), self.outcome.faults, name)
        return Reader(self._truth, name, held)

    @property
    def _planned(self) -> int:
        """Messages in all, where there is a rate."""
        return max(1, round(self.plan.seconds * (self.plan.rate or 0)))

    def _more_to_say(self, now: float, end: float) -> bool:
        """With a rate, all that was planned is said, however late; a server that reads no more ends that."""
        if self.plan.rate is None or now > end + self.plan.settle_seconds:
            return now < end
        return self.outcome.said < self._planned

    def _talk(self, started: float, now: float) -> None:
        """Say what is due. While a server does not read what was said, nothing more is: it is late, and counts so."""
        if any(link.out for link in self.speakers):
            for link in self.speakers:
                self._push(link, b"")
            return
        first, due = self.outcome.said, self._due(started, now)
        count, say, size = len(self.speakers), self.speech.say, self.plan.size
        for offset in range(min(due, count)):
            numbers = range(first + offset, first + due, count)
            self._push(self.speakers[numbers[0] % count], b"".join([say(n, text_of(n, size)) for n in numbers]))
        self._stamp(first, due, started, now)
        self.outcome.said += due

    def _due(self, started: float, now: float) -> int:
        plan, said = self.plan, self.outcome.said
        if plan.rate is not None:
            return max(0, min(self._planned, int((now - started) * plan.rate) + 1) - said)
        arrived = self._answered if self._acked else self._truth.order.count
        return max(0, plan.window - (said - arrived))

    def _stamp(self, first: int, due: int, started: float, now: float) -> None:
        """A latency counts from the moment at which a message was due: a generator that is late hides nothing."""
        rate = self.plan.rate
        if rate is None:
            self._said_at.extend([int(now * 1e9)] * due)
        else:
            self._said_at.extend(int((started + number / rate) * 1e9) for number in range(first, first + due))

    def _patience(self, started: float) -> float:
        """Give the seconds for which nothing is due."""
        plan = self.plan
        if any(link.out for link in self.speakers):
            return 0.002
        if plan.rate is None:
            return 0.05
        left = started + self.outcome.said / plan.rate - time.monotonic()
        return max(0.0, min(0.5, left - _SPARE_SECONDS if plan.rate <= 100 else left))

    def _push(self, link: LoadConnection, data: bytes) -> None:
        try:
            link.push(data)
        except OSError as error:
            self._cut_off(link, reason_of(error))

    # --- reading

    def _wait(self, seconds: float) -> list[int]:
        assert self._poll is not None
        return [fd for fd, _ in self._poll.poll(seconds)]

    def _read(self, fd: int) -> None:
        found = self._readers.get(fd)
        if found is None:
            self._acks(self._by_fd[fd])
            return
        link, reader = found
        if not (data := self._receive(link)):
            return
        if answer := reader.take(data):
            self._push(link, answer)
        if self._timed is None or self._timed == fd:
            self._time(data)

    def _receive(self, link: LoadConnection) -> memoryview | None:
        assert link.sock is not None
        try:
            count = link.sock.recv_into(self._buffer)
        except BlockingIOError:
            return None
        except OSError as error:
            self._cut_off(link, reason_of(error))
            return None
        if not count:
            self._cut_off(link, "it was closed")
            return None
        return self._buffer[:count]

    def _cut_off(self, link: LoadConnection, why: str) -> None:
        """A member that is cut off is a fault, as a lost message is; without a speaker there is no load at all."""
        assert self._poll is not None
        if not link.closed and link.fd not in self._readers:
            raise self._gone(why)
        if not link.closed:
            self.outcome.faults.append(f"{link.name} was cut off: {why}")
            self._poll.unregister(link.fd)
            link.close()
        link.out = b""

    def _gone(self, why: str) -> ChatError:
        return ChatError(f"the connection to {self.plan.address} broke ({why.lower()}) in the middle of the load")

    def _time(self, data: memoryview) -> None:
        now, said_at = time.monotonic_ns(), self._said_at
        numbers = [number for number in map(int, self.speech.number.findall(data)) if number < len(said_at)]
        for moment, times in Counter(map(said_at.__getitem__, numbers)).items():  # many were said at once
            self.outcome.latencies.add(now - moment, times)

    def _acks(self, link: LoadConnection) -> None:
        if not (data := self._receive(link)) or not self._acked:
            return
        *lines, link.seen = (link.seen + bytes(data)).split(b"\n")
        for line in lines:
            if line.startswith(b'{"type":"ack"'):
                self._answered += 1
            elif (found := receipt(line)) is not None:
                self._answered += 1
                self._refused.add(found[0])
                self.outcome.faults.append(f"message {found[0]} was refused: {found[1]}")
            elif not line.startswith(b"{"):
                raise PeerBroke(f"{self.plan.address} broke the protocol: it said {clean_bytes(line)}")
            else:
                self._push(link, self.speech.answer(line + b"\n"))

    # --- the end

    def _over(self, now: float, end: float) -> bool:
        """Whether all is there, or nothing has come for so long that nothing more will."""
        silent = now - max(self._heard, end) > self.plan.settle_seconds
        return silent or now > end + _MOST_SETTLE_SECONDS or self._all_there()

    def _all_there(self) -> bool:
        said = self.outcome.said - len(self._refused)
        if self._acked and self._answered < self.outcome.said:
            return False
        readers = [reader for link, reader in self._readers.values() if not link.closed]
        return all(
            r.level and self._truth.order.count >= said if isinstance(r, Reader) else r.delivered >= said
            for r in readers
        )

    def _forget(self) -> None:
        if len(self._truth.data) > _KEPT:
            at = (r.position for link, r in self._readers.values() if isinstance(r, Reader) and not link.closed)
            self._truth.trim(min(at, default=0))

    def _linger(self) -> None:
        end = time.monotonic() + 10 * _LINGER_SECONDS
        while (ready := self._wait(_LINGER_SECONDS)) and time.monotonic() < end:
            for fd in ready:
                self._read(fd)

    def _judge(self) -> None:
        outcome, truth = self.outcome, self._truth
        readers = [reader for _, reader in self._readers.values()]
        for reader in readers:
            if isinstance(reader, Tally):
                reader.finish(outcome.said, self._refused)
            elif reader.delivered != truth.order.count:
                outcome.faults.append(f"{reader.name} got {reader.delivered} of {truth.order.count} messages")
            outcome.delivered += reader.delivered
        if any(isinstance(reader, Reader) for reader in readers):
            truth.order.finish(outcome.said, self._refused)
