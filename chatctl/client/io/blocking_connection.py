"""A connection on a blocking socket, for commands that must start fast: no asyncio.

Every wait has a deadline. Which error a failed wait becomes is the caller's decision: it knows whether it sent
something whose outcome matters.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self

from chatctl.client.core.address import Address
from chatctl.client.core.connection import HURRY_SECONDS, ClientConnection, State
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed, ReaderGone
from chatctl.client.io.clock import deadline_in, now
from chatctl.client.io.resolver import Endpoint, resolve, shares
from chatctl.common.dead_peers import tcp_options
from chatctl.common.paths import reachable_socket
from chatctl.errors import ChatError, Unreachable, reason_of
from chatctl.protocol import Bye, ClientFrame, Hello, ServerFrame, Welcome

if TYPE_CHECKING:
    from chatctl.client.io.web_socket import WebSocket

_READ_BYTES = 64 * 1024

LOOK_SECONDS = 5.0
"""Time for a look at a certificate that was not trusted."""

_GONE = select.POLLERR | select.POLLHUP


def open_socket(address: Address, deadline: Deadline) -> socket.socket:
    """Connect, with TLS if the address says so.

    Raises:
        Unreachable: with the reason and what to do.
        PeerBroke: the server speaks no TLS, or its certificate is not trusted.
    """
    sock = open_tcp(address, deadline)
    if not address.tls:
        return sock
    from chatctl.client.io.blocking_tls import secure

    left = None if deadline.at is None else max(0.001, deadline.at - now())
    return secure(sock, address, left, lambda: look_again(address, deadline))


def look_again(address: Address, deadline: Deadline | None = None) -> socket.socket:
    """Connect once more, for a look at a certificate that was not trusted. Raises Unreachable."""
    soon = (deadline or deadline_in(None)).sooner(LOOK_SECONDS)
    sock = open_tcp(address, soon)
    sock.settimeout(None if soon.at is None else max(0.001, soon.at - now()))
    return sock


def follow_links(address: Address) -> Address:
    """Return the address with the path that it leads to now. Each connection does this once.

    What is connected to has to be what is signed: a link that is changed in between would lead to another server.
    """
    if not address.unix or address.unix.startswith("\0"):
        return address._replace(real=address.unix)
    return address._replace(real=os.path.realpath(address.unix))


def socket_name(address: Address) -> AbstractContextManager[str]:
    """Return a context that gives the name under which the unix socket is connected to, however long its path is."""
    from pathlib import Path

    return reachable_socket(Path(address.real or address.unix or ""))


def open_tcp(address: Address, deadline: Deadline) -> socket.socket:
    """Connect without TLS, by TCP or a unix socket. Raises Unreachable."""
    try:
        if address.unix is not None:
            with socket_name(address) as name:
                return _connect(socket.AF_UNIX, name, deadline.left())
        sock = _first_that_answers(resolve(address.host, address.port, deadline), deadline)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in tcp_options(socket):
            sock.setsockopt(*option)
    except (OSError, DeadlinePassed) as error:
        raise unreachable(address, error) from None
    return sock


def _first_that_answers(endpoints: list[Endpoint], deadline: Deadline) -> socket.socket:
    """Connect to the first endpoint that can be had. Raises the first one's OSError, or DeadlinePassed."""
    first: OSError | None = None
    for endpoint, seconds in shares(endpoints, deadline):
        try:
            return _connect(endpoint.family, endpoint.address, seconds)
        except OSError as error:
            first = first or error
    raise first or OSError("it has no address")


def _connect(family: int, address: Any, seconds: float | None) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def unreachable(address: Address, error: OSError | DeadlinePassed) -> Unreachable:
    """Return the error for a connection that could not be made, with the reason and what to do."""
    if isinstance(error, TimeoutError | DeadlinePassed):
        why = "it did not answer in time"
    elif error.errno in (errno.ECONNREFUSED, errno.ENOENT):
        # not the error's own text: asyncio's holds the address once more
        why = f"{os.strerror(error.errno).lower()} (is 'chatctl serve' running there?)"
    else:
        why = reason_of(error)
    return Unreachable(f"cannot reach {address}: {why}")


def _upgrade_of(address: Address) -> Callable[[socket.socket, Deadline], socket.socket | WebSocket]:
    """Return what makes of a socket what is spoken on: a WebSocket, where the address has a URL."""
    if address.web is None:
        return lambda sock, _: sock
    from chatctl.client.io.web_socket import WebSocket

    return lambda sock, deadline: WebSocket(sock, address, deadline)


def hang_up(sock: socket.socket) -> None:
    """Close with a reset: a server of the first version notices no other end, and spins."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_readable(reader: int | None, seconds: float | None, *descriptors: int) -> bool:
    """Wait until one of the descriptors is readable; return False if ``seconds`` passed (None: for ever).

    Raises:
        ReaderGone: the pipe whose writing end is ``reader`` was closed at its other end.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    if reader is not None:
        poll.register(reader, 0)
    events = dict(poll.poll(None if seconds is None else int(seconds * 1000) + (seconds > 0)))
    if reader is not None and events.pop(reader, 0) & _GONE:
        raise ReaderGone
    return bool(events)


class BlockingConnection:
    """A connection on which the server let us in; see ``OpenConnection``. It closes at the end of a ``with`` block.

    Its coroutines block and never suspend: run them with ``drive`` (blocking_transport.py).
    """

    def __init__(self, address: Address, hello: Hello, deadline: Deadline, reader: int | None = None) -> None:
        """Connect and be let in.

        Args:
            address: of the server.
            hello: what to enter with.
            deadline: for the connection, TLS and the welcome.
            reader: the descriptor of the pipe that our output goes to; once it is closed at the other end,
                ``receive`` raises ReaderGone.

        Raises:
            Unreachable: nobody is there, or does not answer in time.
            PeerBroke: it is no chatctl server, or not trusted.
            ChatError: the server refused the hello.
        """
        self._address = address = follow_links(address)
        self._reader = reader
        self._core = ClientConnection(hello, address)
        self._frames: list[ServerFrame] = []
        upgrade = _upgrade_of(address)  # before the time is taken: its import is no part of connecting
        started = now()
        self._carrier = open_socket(address, deadline)
        self._sock = upgrade(self._carrier, deadline)
        self.connect_seconds = now() - started
        try:
            self._prove(deadline)
            self.welcome = self._handshake(deadline)
        except BaseException:
            self._sock.close()
            raise

    @property
    def certificate(self) -> bytes:
        """The server's certificate (DER); empty without TLS."""
        if not self._address.tls:
            return b""
        from chatctl.client.io.blocking_tls import certificate_of

        return certificate_of(self._carrier)

    def _prove(self, deadline: Deadline) -> None:
        """Let the core prove what we can. The import is left out where there is nothing to prove."""
        if self._address.credentials is None:
            return
        from chatctl.client.core.prover import Prover, place_of
        from chatctl.common.fingerprints import digest

        self._address.credentials.hurry(deadline.left)
        binds = self._address.tls and self._address.web is None  # behind a proxy the certificate is another one
        channel = digest(self.certificate) if binds else b""
        place = place_of(self._carrier.getpeername(), channel, self._address.real)
        self._core.prove_with(Prover(self._address.credentials, place, channel))

    def _handshake(self, deadline: Deadline) -> Welcome:
        try:
            with contextlib.suppress(DeadlinePassed):
                self._fill(deadline.sooner(HURRY_SECONDS), until_state=State.HELLO)
            deadline.left()
            self._core.hurry()
            self._flush(deadline)
            while self._core.welcome is None:
                self._fill(deadline)
        except DeadlinePassed:
            raise Unreachable(f"cannot reach {self._address}: it accepts, but says nothing") from None
        except ConnectionEnded as ended:
            raise Unreachable(f"{ended.text} before it let us in") from None
        self._frames.remove(self._core.welcome)
        return self._core.welcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send ``bye`` if that is possible at once, and close."""
        with contextlib.suppress(OSError, ChatError):
            self._core.send(Bye())
            self._flush(deadline_in(0.1))
        self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, to wait for it beside others."""
        return self._sock.fileno()

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """Hand a frame to the kernel. Raises DeadlinePassed, ConnectionEnded."""
        self._core.send(frame)
        self._flush(deadline)

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke, ReaderGone."""
        while not self._frames:
            if self._reader is None:
                self._fill(deadline)
            elif wait_readable(self._reader, deadline.left(), self.fileno()):
                self._fill_now()
            else:
                raise DeadlinePassed("the deadline passed")
        return self._frames.pop(0)

    async def pending(self) -> Iterable[ServerFrame]:
        """Return the frames that have arrived, without waiting. Raises ConnectionEnded, PeerBroke."""
        if wait_readable(None, 0.0, self.fileno()):
            self._fill_now()
        frames, self._frames = self._frames, []
        return frames

    def _fill_now(self) -> None:
        """Read what makes the socket readable; over TLS that may be only a part of a record."""
        with contextlib.suppress(DeadlinePassed):
            self._fill(deadline_in(1))

    def _fill(self, deadline: Deadline, until_state: State | None = None) -> None:
        while True:
            self._frames += self._core.receive(self._read(deadline))
            self._flush(deadline)
            if until_state is None or self._core.state is until_state or self._frames:
                return

    def _read(self, deadline: Deadline) -> bytes:
        try:
            self._sock.settimeout(deadline.left())
            data = self._sock.recv(_READ_BYTES)  # over TLS a whole record: nothing is left that poll() would not see
        except OSError as error:
            raise self._failure(error) from None
        if not data:
            raise ConnectionEnded(f"{self._address} closed the connection")
        return data

    def _flush(self, deadline: Deadline) -> None:
        if not self._core.has_outgoing:
            return
        try:
            self._sock.settimeout(deadline.left())  # first: the core returns its bytes only once
            self._sock.sendall(self._core.outgoing())
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> ChatError:
        if isinstance(error, TimeoutError) and error.errno is None:  # our own timeout; the kernel's has a number
            return DeadlinePassed(f"{self._address} did not answer in time")
        return ConnectionEnded(f"the connection to {self._address} broke ({reason_of(error)})")
