"""Many connections in one epoll loop: connecting, coming in, all at once.

Lives here: the order in which they come in, and the limit of open files. Does not live here: one of them (link.py),
what is said on them (speech.py, load.py).
"""

from __future__ import annotations

import contextlib
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from chatctl.bench.connection import ANSWER_SECONDS, CutOff, LoadConnection, Where
from chatctl.client.core.address import Address
from chatctl.errors import ChatError, Unreachable

_SPARE_FILES = 64
_BEGUN_A_TURN = 256
"""Connections that are begun before those that stand are served: a hello must not wait for ten thousand connects."""


def allow_files(count: int) -> None:
    """Raise the limit of open files so far that ``count`` connections fit. Raises ChatError if it can't be."""
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
    """Give an epoll. Raises ChatError where there is none."""
    if sys.platform != "linux":
        raise ChatError("the load needs epoll, which Linux alone has")
    return select.epoll()


def enter(
    address: Address,
    links: Sequence[LoadConnection],
    *,
    at_once: int,
    within: float,
    again: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Bring all in.

    Args:
        address: where to.
        links: who; they are left non-blocking, connected, in no poll.
        at_once: how many may be on their way in at a time.
        within: seconds for all.
        again: who is cut off on the way in comes again, as clients do when a server's queue overflows.
        tick: called for each that is in.

    Raises:
        ChatError: nobody is there, one was refused, or the time is over.
    """
    allow_files(len(links))
    with contextlib.closing(new_poll()) as poll:
        _Doorway(address, poll, links, tick, again=again).bring_in(at_once, time.monotonic() + within, len(links))


class _Doorway:
    """Those on their way in."""

    def __init__(
        self,
        address: Address,
        poll: select.epoll,
        links: Sequence[LoadConnection],
        tick: Callable[[], None],
        *,
        again: bool,
    ) -> None:
        self._where = Where(address)
        self._poll = poll
        self._waiting = deque(links)
        self._tick = tick
        self._again = again
        self._heard = time.monotonic()
        self._under_way: dict[int, LoadConnection] = {}
        self._inside: dict[int, LoadConnection] = {}

    def bring_in(self, at_once: int, end: float, count: int) -> None:
        """Bring all in before ``end``."""
        inside = 0
        while inside < count:
            for _ in range(min(_BEGUN_A_TURN, at_once - len(self._under_way), len(self._waiting))):
                self._begin(self._waiting.popleft())
            self._look_at_the_clock(end, inside, count)
            wait = 0.0 if self._waiting and len(self._under_way) < at_once else 0.2
            ready = self._poll.poll(wait)
            inside += sum(self._step(fd) for fd, _ in ready)
            self._heard = time.monotonic() if ready else self._heard

    def _look_at_the_clock(self, end: float, inside: int, count: int) -> None:
        now = time.monotonic()
        if now > end:
            raise Unreachable(f"{inside:,} of {count:,} got in, the time for it is over")
        if now - self._heard > ANSWER_SECONDS and not self._again:
            raise Unreachable(f"cannot reach {self._where.address}: it accepts, but says nothing")

    def _begin(self, link: LoadConnection) -> None:
        link.connect(self._where)
        self._under_way[link.fd] = link
        self._poll.register(link.fd, select.EPOLLOUT)

    def _step(self, fd: int) -> int:
        """Bring one a step further; give 1 if it is in now. Who is in goes on reading: others' comings are told."""
        if (link := self._inside.get(fd)) is not None:
            link.drain()
            return 0
        link = self._under_way[fd]
        try:
            return self._forward(link, fd)
        except (CutOff, OSError):
            if not self._again:
                raise
            del self._under_way[fd]
            link.forget()
            self._waiting.append(link)
            return 0

    def _forward(self, link: LoadConnection, fd: int) -> int:
        if not link.greeted:
            self._poll.modify(fd, link.greet())
            return 0
        if not link.hear():
            return 0
        self._inside[fd] = self._under_way.pop(fd)
        self._tick()
        return 1
