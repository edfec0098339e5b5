"""What a load is to do, and when: the workload, and the pacing of its messages.

Sans-I/O: times are handed in, in seconds of the monotonic clock.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from chatctl import protocol
from chatctl.bench.wire_formats import WireFormat
from chatctl.client.core.address import Address

_POLL_GRAIN_SECONDS = 0.001
"""epoll waits whole milliseconds, rounded up: the last one is spent polling."""
_PRECISE_RATE = 100
"""Messages a second up to which each is sent at its own moment; above that, a millisecond's worth is sent at once."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What members and senders do."""

    address: Address
    room: str = protocol.DEFAULT_ROOM
    members: int = 100
    senders: int = 1
    seconds: float = 5.0
    rate: float | None = None
    """Messages a second, all senders together; None: as many as ``window`` allows."""
    size: int = 64
    """Bytes of a text."""
    dialect: str = "json"
    """What members speak: json, text or classic. Senders speak json, for its acknowledgements."""
    window: int = 64
    """Messages under way at a time, all senders together, where there is no rate."""
    wire_format: WireFormat | None = None
    """For another kind of server; None is chatctl's, for ``dialect``."""
    members_send: bool = False
    """The members are the senders."""
    stalled: int = 0
    """Members that do not read during the load. They are not checked."""
    at_once: int = 200
    """Connections that may be connecting or joining at a time."""
    reconnect: bool = False
    """A connection that is cut off while joining connects again."""
    join_seconds: float = 60.0
    """The time for all to join."""
    quiet_seconds: float = 0.3
    """Before the load: for how long nothing must arrive after all have joined."""
    settle_seconds: float = 5.0
    """After the load: when nothing has arrived for so long, what is not there is missing."""
    others: tuple[Address, ...] = ()
    """Further servers of the same room. Member n joins at server n, and sender n at the one after that, in turns."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All servers."""
        return self.address, *self.others


class Pacer:
    """Decides how many messages are due, and records when each was."""

    def __init__(self, workload: Workload) -> None:
        """Call ``start`` before the rest."""
        self._rate = workload.rate
        self._window = workload.window
        self._settle_seconds = workload.settle_seconds
        self._planned = max(1, round(workload.seconds * (workload.rate or 0)))
        self._seconds = workload.seconds
        self.sent = 0
        self.due_at = array("q")
        """By message number: when it was due, in nanoseconds. Latency counts from here and not from the sending, so a
        generator that is late hides nothing."""

    def start(self, now: float) -> None:
        """Start the load."""
        self.started, self.end = now, now + self._seconds

    def unfinished(self, now: float) -> bool:
        """Return whether there is more to send.

        With a rate all planned messages are sent, however late, unless the server does not read them.
        """
        if self._rate is None or now > self.end + self._settle_seconds:
            return now < self.end
        return self.sent < self._planned

    def due(self, now: float, arrived: int) -> int:
        """Return how many messages to send now, of which ``arrived`` have been received or acknowledged so far."""
        if self._rate is None:
            return max(0, self._window - (self.sent - arrived))
        return max(0, min(self._planned, int((now - self.started) * self._rate) + 1) - self.sent)

    def record(self, count: int, now: float) -> None:
        """Record that the next ``count`` messages were sent."""
        numbers = range(self.sent, self.sent + count)
        if self._rate is None:
            self.due_at.extend([int(now * 1e9)] * count)
        else:
            self.due_at.extend(int((self.started + number / self._rate) * 1e9) for number in numbers)
        self.sent += count

    def wait(self, now: float) -> float:
        """Return the seconds until the next message is due."""
        if self._rate is None:
            return 0.05
        left = self.started + self.sent / self._rate - now
        return max(0.0, min(0.5, left - _POLL_GRAIN_SECONDS if self._rate <= _PRECISE_RATE else left))
