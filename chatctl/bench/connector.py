"""Joining with many connections at once, in one epoll loop.

Lives here: in which order they connect, and the limit of open files. Does not live here: one of them (connection.py),
what follows once all have joined (load.py).
"""

from __future__ import annotations

import contextlib
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chatctl.bench.connection import ANSWER_SECONDS, CutOff, LoadConnection, Target
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address
from chatctl.errors import ChatError, Unreachable

_SPARE_FILES = 64
_CONNECTS_PER_TURN = 256
"""Connects between two looks at those that wait for an answer: nobody's hello should wait for ten thousand connects."""


def allow_files(count: int) -> None:
    """Raise the limit of open files so that ``count`` connections fit. Raises ChatError if it cannot be raised."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _SPARE_FILES
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ChatError(
            f"{count:,} connections need {wanted:,} open files and the limit is {hard:,}: raise it with 'ulimit -Hn'"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def new_poll() -> select.epoll:
    """Return a new epoll object. Raises ChatError where the system has no epoll."""
    if sys.platform != "linux":
        raise ChatError("the load needs epoll, which Linux alone has")
    return select.epoll()


def join_all(workload: Workload, connections: Sequence[LoadConnection], on_joined: Callable[[], None]) -> None:
    """Connect and join with all connections. They are left non-blocking and registered with no epoll.

    Args:
        workload: says where, how many at a time, and for how long.
        connections: in the order in which they connect.
        on_joined: called for each that has joined.

    Raises:
        ChatError: the server cannot be reached, it refused a connection, or the time is over.
    """
    allow_files(len(connections))
    with contextlib.closing(new_poll()) as poll:
        _Joining(
            workload, [Target(address) for address in workload.addresses], poll, deque(connections), on_joined
        ).run()


@dataclass(slots=True)
class _Joining:
    workload: Workload
    targets: list[Target]
    poll: select.epoll
    waiting: deque[LoadConnection]
    on_joined: Callable[[], None]
    answered_at: float = field(default_factory=time.monotonic)
    joining: dict[int, LoadConnection] = field(default_factory=dict)
    joined: dict[int, LoadConnection] = field(default_factory=dict)

    def run(self) -> None:
        end, count, at_once = self.answered_at + self.workload.join_seconds, len(self.waiting), self.workload.at_once
        while len(self.joined) < count:
            for _ in range(min(_CONNECTS_PER_TURN, at_once - len(self.joining), len(self.waiting))):
                self._connect(self.waiting.popleft())
            self._check_time(end, count)
            ready = self.poll.poll(0.0 if self.waiting and len(self.joining) < at_once else 0.2)
            for fd, _ in ready:
                self._handle(fd)
            self.answered_at = time.monotonic() if ready else self.answered_at

    def _check_time(self, end: float, count: int) -> None:
        now = time.monotonic()
        if now > end:
            raise Unreachable(f"{len(self.joined):,} of {count:,} got in, the time for it is over")
        if now - self.answered_at > ANSWER_SECONDS and not self.workload.reconnect:
            raise Unreachable(f"cannot reach {self.unanswered()}: it accepts connections, but does not answer")

    def unanswered(self) -> Address:
        """Return the server that the connection which waits longest waits for."""
        return self.workload.addresses[next(iter(self.joining.values())).server]

    def _connect(self, connection: LoadConnection) -> None:
        connection.connect(self.targets[connection.server])
        self.joining[connection.fd] = connection
        self.poll.register(connection.fd, select.EPOLLOUT)

    def _handle(self, fd: int) -> None:
        """Continue with a connection that is ready. One that has joined is read, as it is told of others that join."""
        if (connection := self.joined.get(fd)) is not None:
            connection.drain()
            return
        connection = self.joining[fd]
        try:
            if not connection.hello_sent:
                self.poll.modify(fd, connection.send_hello())
            elif connection.receive_welcome():
                self.joined[fd] = self.joining.pop(fd)
                self.on_joined()
        except (CutOff, OSError):
            if not self.workload.reconnect:
                raise
            del self.joining[fd]
            connection.reset()
            self.waiting.append(connection)
