"""Many connections in one epoll loop: connecting, coming in, all at once.

Lives here: sockets and the limit of open files. Does not live here: what is said on them (speech.py, load.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from chatctl.bench.speech import Speech, offer, prove
from chatctl.client.address import Address
from chatctl.client.blocking import Deadline, open_socket
from chatctl.client.credentials import NO_KEY, Credentials
from chatctl.client.prover import Prover, place_of
from chatctl.client.strangers import stranger
from chatctl.errors import BadFrame, ChatError, Unreachable

READ = 256 * 1024
"""Bytes that one read takes at most."""
ANSWER_SECONDS = 5.0
"""How long a server may say nothing to those who want to be let in."""
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


class CutOff(Unreachable):
    """The connection ended before its time."""


class Link:
    """One connection: on its way in, and then in. ``out`` is what its socket has not taken yet."""

    __slots__ = (
        "closed",
        "hello",
        "lost",
        "name",
        "out",
        "pings",
        "prover",
        "received",
        "seen",
        "sock",
        "speech",
        "where",
    )

    def __init__(self, name: str, hello: bytes, speech: Speech) -> None:
        """Connect later, with this hello."""
        self.name = name
        self.hello = hello
        self.out = b""
        self.seen = b""
        """What came on the way in; once in, what followed the last LF."""
        self.received = 0
        """Bytes that were read before the load began."""
        self.lost = 0
        """How often it was cut off on its way in, and came again."""
        self.closed = False
        self.speech = speech
        self.pings = 0
        """How often it was asked whether it is there."""
        self.sock: socket.socket | None = None
        self.where: Address | None = None
        self.prover: Prover | None = None

    @property
    def fd(self) -> int:
        """The socket's descriptor. It must be connected."""
        assert self.sock is not None
        return self.sock.fileno()

    def connect(self, where: _Where) -> None:
        """Begin to connect. Raises ChatError."""
        self.where = where.address
        if where.first is not None:
            self.sock, where.first = where.first, None
        elif where.family == socket.AF_UNIX:
            self.sock = open_socket(where.address, Deadline.after(ANSWER_SECONDS))
        else:
            self.sock = socket.socket(where.family, socket.SOCK_STREAM)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        if where.family != socket.AF_UNIX and (code := self.sock.connect_ex(where.peer)) not in _UNDER_WAY:
            raise Unreachable(f"{self.name} cannot reach {where.address}: {os.strerror(code).lower()}")

    def greet(self) -> None:
        """Say hello, once connected. Raises Unreachable if that failed."""
        assert self.sock is not None
        if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Unreachable(f"{self.name} cannot connect: {os.strerror(code).lower()}")
        self.prover = self._prover()
        self.push(self.hello if self.prover is None else offer(self.prover, self.hello))

    def _prover(self) -> Prover | None:
        """Prove the password, if there is one; names that a load makes up are nobody's."""
        assert self.sock is not None
        credentials = self.where.credentials if self.where is not None else None
        if credentials is None or credentials.password is None or not self.hello.startswith(b"{"):
            return None
        return Prover(Credentials(password=credentials.password, key=NO_KEY), place_of(self.sock.getpeername(), b""))

    def hear(self) -> bool:
        """Read on the way in; give whether it is in. Raises ChatError if it will not be."""
        self.seen += self._more()
        try:
            if self.prover is not None:
                answer, self.seen = prove(self.prover, self.seen)
                self.push(answer)
            inside = self.speech.inside(self.seen)
        except BadFrame:
            raise stranger(self.where, self.seen) from None
        if inside:
            self._digest()
        return inside

    def drain(self) -> None:
        """Read away what is there, and answer what asks. Raises PeerBroke at the end of the connection."""
        self.seen += self._more()
        self._digest()

    def _digest(self) -> None:
        whole, _, self.seen = self.seen.rpartition(b"\n")
        if self.speech.ping and self.speech.ping in whole:
            answers = [answer for line in whole.split(b"\n") if (answer := self.speech.answer(line))]
            self.pings += len(answers)
            self.push(b"".join(answers))

    def _more(self) -> bytes:
        assert self.sock is not None
        try:
            data = self.sock.recv(READ)
        except BlockingIOError:
            return b""
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise CutOff(f"the connection to {self.where} broke ({why}) before it let us in") from None
        if not data:
            raise CutOff(f"{self.where} closed the connection before it let us in")
        self.received += len(data)
        return data

    def push(self, data: bytes = b"") -> None:
        """Write what there is to be written, as far as the socket takes it."""
        assert self.sock is not None
        self.out += data
        if not self.out:
            return
        with contextlib.suppress(BlockingIOError):
            self.out = self.out[self.sock.send(self.out) :]

    def forget(self) -> None:
        """Be as before the first connect, to come again."""
        self.close()
        self.closed, self.out, self.seen, self.received = False, b"", b"", 0
        self.lost += 1

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        if self.sock is not None:
            self.sock.close()


_UNDER_WAY = (0, errno.EINPROGRESS, errno.EISCONN)


class _Where:
    """Where all connect to: looked up once, by the first of them."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.first: socket.socket | None = open_socket(address, Deadline.after(ANSWER_SECONDS))
        self.family = self.first.family
        self.peer = self.first.getpeername()


def enter(
    address: Address,
    links: Sequence[Link],
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
        self, address: Address, poll: select.epoll, links: Sequence[Link], tick: Callable[[], None], *, again: bool
    ) -> None:
        self._where = _Where(address)
        self._poll = poll
        self._waiting = deque(links)
        self._tick = tick
        self._again = again
        self._heard = time.monotonic()
        self._under_way: dict[int, Link] = {}
        self._inside: dict[int, Link] = {}

    def bring_in(self, at_once: int, end: float, count: int) -> None:
        """Bring all in before ``end``."""
        inside = 0
        while inside < count:
            for _ in range(min(_BEGUN_A_TURN, at_once - len(self._under_way), len(self._waiting))):
                self._begin(self._waiting.popleft())
            self._look_at_the_clock(end, inside, count)
            wait = 0.0 if self._waiting and len(self._under_way) < at_once else 0.2
            ready = self._poll.poll(wait)
            inside += sum(self._step(fd, events) for fd, events in ready)
            self._heard = time.monotonic() if ready else self._heard

    def _look_at_the_clock(self, end: float, inside: int, count: int) -> None:
        now = time.monotonic()
        if now > end:
            raise Unreachable(f"{inside:,} of {count:,} got in, the time for it is over")
        if now - self._heard > ANSWER_SECONDS and not self._again:
            raise Unreachable(f"cannot reach {self._where.address}: it accepts, but says nothing")

    def _begin(self, link: Link) -> None:
        link.connect(self._where)
        self._under_way[link.fd] = link
        self._poll.register(link.fd, select.EPOLLOUT)

    def _step(self, fd: int, events: int) -> int:
        """Bring one a step further; give 1 if it is in now. Who is in goes on reading: others' comings are told."""
        if (link := self._inside.get(fd)) is not None:
            link.drain()
            return 0
        link = self._under_way[fd]
        try:
            return self._forward(link, fd, events)
        except (CutOff, OSError):
            if not self._again:
                raise
            del self._under_way[fd]
            link.forget()
            self._waiting.append(link)
            return 0

    def _forward(self, link: Link, fd: int, events: int) -> int:
        if events & select.EPOLLOUT:
            link.greet()
            self._poll.modify(fd, select.EPOLLIN)
            return 0
        if not link.hear():
            return 0
        self._inside[fd] = self._under_way.pop(fd)
        self._tick()
        return 1
