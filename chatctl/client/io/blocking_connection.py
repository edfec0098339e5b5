"""The blocking shell: one connection on a plain socket, for commands that must start fast (no asyncio).

Every wait has a deadline. Which error a broken wait becomes is the caller's to say: it knows whether something was
sent whose outcome matters.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from chatctl.client.core.address import Address
from chatctl.client.core.connection import HURRY_SECONDS, ClientConnection, State
from chatctl.client.core.deadline import ConnectionEnded as ConnectionEnded  # with a connection comes how it ends
from chatctl.client.core.deadline import Deadline as Deadline
from chatctl.client.core.deadline import DeadlinePassed as DeadlinePassed
from chatctl.errors import ChatError, Unreachable, reason_of
from chatctl.protocol import Bye, ClientFrame, Hello, ServerFrame, Welcome

_READ = 64 * 1024

LOOK_SECONDS = 5.0
"""Time for a look at a certificate that was not trusted."""


def open_socket(address: Address, deadline: Deadline) -> socket.socket:
    """Connect, with TLS if the address says so.

    Raises:
        Unreachable: with the reason and what to do.
        PeerBroke: there is no TLS, or a certificate that is not trusted.
    """
    sock = open_tcp(address, deadline)
    if not address.tls:
        return sock
    from chatctl.client.io.blocking_tls import secure

    left = None if deadline.at is None else max(0.001, deadline.at - time.monotonic())
    return secure(sock, address, left, lambda: look_again(address))


def look_again(address: Address) -> socket.socket:
    """Connect once more, for a look at a certificate that was not trusted. Raises Unreachable."""
    return open_tcp(address, Deadline.after(LOOK_SECONDS))


def open_tcp(address: Address, deadline: Deadline) -> socket.socket:
    """Connect, and no more. Raises Unreachable."""
    try:
        if address.unix is not None:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(deadline.left())
                sock.connect(address.unix)
            except BaseException:
                sock.close()
                raise
        else:
            sock = socket.create_connection((address.host, address.port), deadline.left())
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (TimeoutError, DeadlinePassed):
        raise Unreachable(f"cannot reach {address}: it did not answer in time") from None
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"cannot reach {address}: {_reason(error)}") from None
    return sock


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "this can't be a host's name"
    if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
        return f"{reason_of(error)} (is 'chatctl serve' running there?)"
    return reason_of(error)


def hang_up(sock: socket.socket) -> None:
    """Close with a reset: the first version's server never notices any other end, and spins."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Connection:
    """One connection that is open until the ``with`` block ends."""

    def __init__(self, address: Address, hello: Hello, deadline: Deadline) -> None:
        """Connect and be let in.

        Raises:
            Unreachable: nobody there, or no word from it in time.
            PeerBroke: something else answered.
            ChatError: the server said no.
        """
        self._address = address
        self._core = ClientConnection(hello, address)
        self._frames: list[ServerFrame] = []
        started = time.monotonic()
        self._sock = open_socket(address, deadline)
        self.connect_seconds = time.monotonic() - started
        self.certificate = self._certificate()
        try:
            self._prove()
            self.welcome = self._handshake(deadline)
        except BaseException:
            self._sock.close()
            raise

    def _certificate(self) -> bytes:
        """Give the certificate that the server showed (DER); empty without TLS."""
        if not self._address.tls:
            return b""
        from chatctl.client.io.blocking_tls import certificate_of

        return certificate_of(self._sock)

    @property
    def channel(self) -> bytes:
        """Give the digest of the server's certificate (32 bytes); empty without TLS."""
        if not self.certificate:
            return b""
        from chatctl.common.fingerprints import digest

        return digest(self.certificate)

    def _prove(self) -> None:
        """Have the core prove what we can. Who has nothing to prove does not pay for the import."""
        if self._address.credentials is None:
            return
        from chatctl.client.core.prover import Prover, place_of

        self._core.prove_with(
            Prover(self._address.credentials, place_of(self._sock.getpeername(), self.channel), self.channel)
        )

    def _handshake(self, deadline: Deadline) -> Welcome:
        try:
            with contextlib.suppress(DeadlinePassed):
                self._wait(deadline.sooner(HURRY_SECONDS), until_state=State.HELLO)
            deadline.left()
            self._core.hurry()
            self._flush(deadline)
            while self._core.welcome is None:
                self._wait(deadline)
        except DeadlinePassed:
            raise Unreachable(f"cannot reach {self._address}: it accepts, but says nothing") from None
        except ConnectionEnded as ended:
            raise Unreachable(f"{ended.text} before it let us in") from None
        self._frames.remove(self._core.welcome)
        return self._core.welcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say bye if that is possible at once, and close."""
        with contextlib.suppress(OSError, ChatError):
            self._core.send(Bye())
            self._flush(Deadline.after(0.1))
        self._sock.close()

    def fileno(self) -> int:
        """Give the socket's descriptor, to wait for it beside another one."""
        return self._sock.fileno()

    def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """Hand a frame to the kernel. Raises DeadlinePassed, ConnectionEnded."""
        self._core.send(frame)
        self._flush(deadline)

    def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke."""
        while not self._frames:
            self._wait(deadline)
        return self._frames.pop(0)

    def pending(self) -> Iterator[ServerFrame]:
        """Yield the frames that are there already."""
        while self._frames:
            yield self._frames.pop(0)

    def poll(self) -> None:
        """Read once what the socket has, when it was seen to be readable. Raises as ``receive``."""
        self._wait(Deadline.after(1))

    def _wait(self, deadline: Deadline, until_state: State | None = None) -> None:
        while True:
            self._frames += self._core.receive(self._read(deadline))
            self._flush(deadline)
            if until_state is None or self._core.state is until_state or self._frames:
                return

    def _read(self, deadline: Deadline) -> bytes:
        try:
            self._sock.settimeout(deadline.left())
            data = self._sock.recv(_READ)  # over TLS that is a whole record: nothing is left that no poll would see
        except OSError as error:
            raise self._failure(error) from None
        if not data:
            raise ConnectionEnded(f"{self._address} closed the connection")
        return data

    def _flush(self, deadline: Deadline) -> None:
        if not self._core.has_outgoing:
            return
        try:
            self._sock.settimeout(deadline.left())  # first: what the core has given out is gone from it
            self._sock.sendall(self._core.outgoing())
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> ChatError:
        if isinstance(error, TimeoutError) and error.errno is None:  # our own; the kernel's has a number
            return DeadlinePassed(f"{self._address} did not answer in time")
        return ConnectionEnded(f"the connection to {self._address} broke ({reason_of(error)})")
