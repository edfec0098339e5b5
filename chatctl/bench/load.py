"""A load: members that read, senders that send, and a check of what arrived.

Plain sockets in one epoll loop, so that the generator costs less than the server that it measures.
"""

from __future__ import annotations

import select
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chatctl.bench.checker import PerSenderChecker, ReferenceStream, StreamChecker
from chatctl.bench.connection import READ_BYTES, CutOff, LoadConnection
from chatctl.bench.connector import join_all, new_poll
from chatctl.bench.metrics import Latencies
from chatctl.bench.wire_formats import chatctl_format, find_welcome, message_text, read_ack
from chatctl.bench.workload import Pacer, Workload
from chatctl.common.text import clean_bytes
from chatctl.errors import ChatError, PeerBroke, TooLong, reason_of

_MAX_QUIET_WAIT = 10.0
"""Seconds after which the load starts although something still arrives."""
_MAX_SETTLE_SECONDS = 60.0
_REFERENCE_BYTES = 64 * 1024 * 1024
"""A longer reference is trimmed."""
_LINGER_SECONDS = 0.1
"""How long to wait for more once everything has arrived: duplicates come last."""
_UNSENT_WAIT = 0.002
"""Seconds until a socket that was full is tried again."""


@dataclass(slots=True)
class Outcome:
    """The result of a load."""

    sent: int = 0
    """Messages."""
    delivered: int = 0
    """Messages received, all members together."""
    seconds: float = 0.0
    """From the first message due to the last one received."""
    own_cpu: float = 0.0
    """CPU seconds of the load generator."""
    joined_in: float = 0.0
    """Seconds until all had joined."""
    latencies: Latencies = field(default_factory=Latencies)
    faults: list[str] = field(default_factory=list)
    """What was wrong, at most some hundreds."""


class Load:
    """One run of a workload: ``join``, ``run``, ``close``."""

    def __init__(self, workload: Workload) -> None:
        """Prepare the connections. Raises ChatError where the system has no epoll."""
        self.workload = workload
        self.outcome = Outcome()
        self.wire_format = workload.wire_format or chatctl_format(workload.dialect, workload.room)
        form, own = self.wire_format, workload.wire_format is None
        servers = len(workload.addresses)
        self.members = [
            LoadConnection(f"member {n}", form.hello(n), form, n % servers) for n in range(workload.members)
        ]
        self.senders = self.members
        if not workload.members_send:
            form = replace(chatctl_format("json", workload.room), admitted=self._may_send) if own else form
            self.senders = [
                LoadConnection(f"speaker {n}", form.sender_hello(n), form, (n + 1) % servers)
                for n in range(workload.senders)
            ]
        self._pacer = Pacer(workload)
        self._reference = ReferenceStream(self.wire_format, len(self.senders), self.outcome.faults)
        self._checked: dict[int, tuple[LoadConnection, StreamChecker | PerSenderChecker]] = {}
        self._by_fd: dict[int, LoadConnection] = {}
        self._poll = new_poll()
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._has_acks = self.wire_format.acks and not workload.members_send
        self._acked = 0
        self._refused: set[int] = set()
        self._timed: int | None = None
        """The descriptor of the one member whose deliveries are timed; None: those of all."""
        self._received_at = 0.0

    def _may_send(self, received: bytes) -> bool:
        """Return whether a sender has joined. Raises ChatError as ``find_welcome``, and if its texts are too long."""
        welcome = find_welcome(received)
        if welcome is not None and self.workload.size > welcome.limits.text:
            raise TooLong(
                f"--size {self.workload.size} is more than the {welcome.limits.text} bytes that the server accepts"
            )
        return welcome is not None

    def join(self, on_joined: Callable[[], None] = lambda: None) -> None:
        """Join with all members and senders; ``on_joined`` is called for each. Raises ChatError if one is refused."""
        workload, started = self.workload, time.monotonic()
        apart = [] if workload.members_send else self.senders
        join_all(workload, [*self.members, *apart], on_joined)
        self.outcome.joined_in = time.monotonic() - started
        for connection in [*self.members[workload.stalled :], *apart]:
            self._by_fd[connection.fd] = connection
            self._poll.register(connection.fd, select.EPOLLIN)

    def settle(self) -> None:
        """Read what the joining causes, until nothing more arrives: what arrives then belongs to the load."""
        end = time.monotonic() + _MAX_QUIET_WAIT
        while (ready := self._wait(self.workload.quiet_seconds)) and time.monotonic() < end:
            self._drain(ready)

    def idle(self, seconds: float) -> None:
        """Stay in the room and answer pings. Raises ChatError if a connection is cut off."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._drain(self._wait(left))

    def _drain(self, ready: list[int]) -> None:
        for fd in ready:
            try:
                self._by_fd[fd].drain()
            except CutOff:
                raise _broke(self._by_fd[fd], "it was closed") from None

    def run(self, on_tick: Callable[[float], None] = lambda _: None) -> Outcome:
        """Send messages as the workload says, wait until all have arrived, and check them.

        Args:
            on_tick: called all the time, with the seconds since the start.
        """
        pacer, outcome = self._pacer, self.outcome
        self.settle()
        self._start_checking()
        cpu = time.process_time()
        pacer.start(time.monotonic())
        while (unfinished := pacer.unfinished(now := time.monotonic())) or not self._over(now):
            if unfinished:
                self._send_due(now)
            if len(self._reference.data) > _REFERENCE_BYTES:
                self._reference.trim()
            on_tick(now - pacer.started)
            ready = self._wait(self._patience() if unfinished else _LINGER_SECONDS)
            for fd in ready:
                self._read(fd)
            self._received_at = time.monotonic() if ready else self._received_at
        outcome.sent = pacer.sent
        outcome.seconds = max(self._received_at, pacer.end) - pacer.started
        outcome.own_cpu = time.process_time() - cpu
        self._linger()
        self._finish()
        return outcome

    def close(self) -> None:
        """Close all connections."""
        self._poll.close()
        for connection in {*self.members, *self.senders}:
            connection.close()

    def _start_checking(self) -> None:
        workload = self.workload
        by_themselves = workload.members_send and not self.wire_format.total_order
        for connection in self.members[workload.stalled :]:
            checker: StreamChecker | PerSenderChecker
            if by_themselves:
                checker = PerSenderChecker(self.wire_format, len(self.senders), self.outcome.faults, connection.name)
            else:
                checker = StreamChecker(self._reference, connection.name, connection.received)
            self._checked[connection.fd] = connection, checker
        self._timed = self.members[-1].fd if workload.rate is None else None

    # --- sending

    def _send_due(self, now: float) -> None:
        """Send what is due, unless the server has not read what was sent before; what is late then counts as late."""
        if any(connection.unsent for connection in self.senders):
            for connection in self.senders:
                self._send(connection)
            return
        arrived = self._acked if self._has_acks else self._reference.sequence.count
        first, due = self._pacer.sent, self._pacer.due(now, arrived)
        count, say, size = len(self.senders), self.wire_format.say, self.workload.size
        for offset in range(min(due, count)):
            numbers = range(first + offset, first + due, count)
            self._send(self.senders[numbers[0] % count], b"".join([say(n, message_text(n, size)) for n in numbers]))
        self._pacer.record(due, now)

    def _patience(self) -> float:
        """Return the seconds to wait for something to read."""
        if any(connection.unsent for connection in self.senders):
            return _UNSENT_WAIT
        return self._pacer.wait(time.monotonic())

    def _send(self, connection: LoadConnection, data: bytes = b"") -> None:
        try:
            connection.send(data)
        except OSError as error:
            self._cut_off(connection, reason_of(error))

    # --- reading

    def _wait(self, seconds: float) -> list[int]:
        return [fd for fd, _ in self._poll.poll(seconds)]

    def _read(self, fd: int) -> None:
        found = self._checked.get(fd)
        if found is None:
            self._read_acks(self._by_fd[fd])
            return
        connection, checker = found
        if not (data := self._receive(connection)):
            return
        if answer := checker.take(data):
            self._send(connection, answer)
        if self._timed is None or self._timed == fd:
            self._time(data)

    def _receive(self, connection: LoadConnection) -> memoryview | None:
        try:
            count = connection.sock.recv_into(self._buffer)
            if count:
                return self._buffer[:count]
            self._cut_off(connection, "it was closed")
        except BlockingIOError:
            pass
        except OSError as error:
            self._cut_off(connection, reason_of(error))
        return None

    def _cut_off(self, connection: LoadConnection, why: str) -> None:
        """Record a member that was cut off as a fault. Without a sender there is no load: raise ChatError."""
        if not connection.closed and connection.fd not in self._checked:
            raise _broke(connection, why)
        if not connection.closed:
            self.outcome.faults.append(f"{connection.name} was cut off: {why}")
            self._checked[connection.fd][1].abandon()
            self._poll.unregister(connection.fd)
            connection.close()
        connection.unsent = b""

    def _time(self, data: memoryview) -> None:
        now, due_at = time.monotonic_ns(), self._pacer.due_at
        numbers = [number for number in map(int, self.wire_format.number.findall(data)) if number < len(due_at)]
        for moment, times in Counter(map(due_at.__getitem__, numbers)).items():  # many were due at the same time
            self.outcome.latencies.add(now - moment, times)

    def _read_acks(self, connection: LoadConnection) -> None:
        if not (data := self._receive(connection)) or not self._has_acks:
            return
        *lines, connection.received = (connection.received + bytes(data)).split(b"\n")
        for line in lines:
            if line.startswith(b'{"type":"ack"'):
                self._acked += 1
            elif (answer := read_ack(line)) is not None:
                self._acked += 1
                self._refused.add(answer[0])
                self.outcome.faults.append(f"message {answer[0]} was refused: {answer[1]}")
            elif not line.startswith(b"{"):
                raise PeerBroke(f"{connection.address} broke the protocol: it said {clean_bytes(line)}")
            else:
                self._send(connection, self.wire_format.answer(line + b"\n"))

    # --- the end

    def _over(self, now: float) -> bool:
        """Return whether everything has arrived, or nothing has for so long that nothing more will."""
        end = self._pacer.end
        silent = now - max(self._received_at, end) > self.workload.settle_seconds
        return silent or now > end + _MAX_SETTLE_SECONDS or self._complete()

    def _complete(self) -> bool:
        sent = self._pacer.sent
        if self._has_acks and self._acked < sent:
            return False
        return all(checker.has_all(sent - len(self._refused)) for _, checker in self._checked.values())

    def _linger(self) -> None:
        end = time.monotonic() + 10 * _LINGER_SECONDS
        while (ready := self._wait(_LINGER_SECONDS)) and time.monotonic() < end:
            for fd in ready:
                self._read(fd)

    def _finish(self) -> None:
        outcome = self.outcome
        for _, checker in self._checked.values():
            checker.finish(outcome.sent, self._refused)
            outcome.delivered += checker.delivered
        if self._reference.checkers:
            self._reference.sequence.finish(outcome.sent, self._refused)


def _broke(connection: LoadConnection, why: str) -> ChatError:
    return ChatError(f"the connection to {connection.address} broke ({why.lower()}) in the middle of the load")
