"""One connection of a load: connecting, joining, and reading until the load begins.

Lives here: its socket, and the bytes up to the welcome. Does not live here: many connections (connector.py), TLS
(tls.py), what is sent and checked (load.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatctl.bench.wire_formats import WireFormat, answer_challenge, offer_proof
from chatctl.client.core.address import Address
from chatctl.client.core.connection import stranger
from chatctl.client.core.prover import Prover, password_wanted, place_of
from chatctl.client.core.remedies import Options
from chatctl.client.io.blocking_socket import open_tcp
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.credentials import NO_KEY, Credentials
from chatctl.errors import BadFrame, Unauthorized, Unreachable, reason_of

if TYPE_CHECKING:
    from chatctl.bench.tls import SharedTls

READ_BYTES = 256 * 1024
"""Most bytes of one read."""
ANSWER_SECONDS = 5.0
"""How long a server may say nothing while connections wait to join."""

_CONNECTING = (0, errno.EINPROGRESS)


class CutOff(Unreachable):
    """The server closed the connection, or it broke."""


class Target:
    """The server that all connect to. Its name is looked up, and its certificate trusted, once."""

    def __init__(self, address: Address) -> None:
        """Make the first connection. Raises ChatError if the server cannot be reached or is not trusted."""
        self.address = address
        self.tls: SharedTls | None = None
        if address.tls:
            from chatctl.bench.tls import SharedTls

            self.tls = SharedTls(address)
        self.first: socket.socket | None = open_tcp(address, deadline_in(ANSWER_SECONDS))
        """The first connection, until a ``LoadConnection`` takes it."""
        self.family = self.first.family
        self.peer = self.first.getpeername()
        if self.tls is not None:
            self.first = self.tls.secure_first(self.first, ANSWER_SECONDS)
        self._credentials = _password_only(address)

    def prover(self, sock: socket.socket) -> Prover | None:
        """Return what proves the password on a connection, None if there is no password."""
        if self._credentials is None:
            return None
        channel = self.tls.certificate_digest(sock) if self.tls is not None else b""
        return Prover(self._credentials, place_of(self.peer, channel, self.address.unix), channel, Options)


def _password_only(address: Address) -> Credentials | None:
    """Return the password, if there is one, without a key: the nicknames of a load are not bound to the user's key."""
    if address.credentials is None or address.credentials.password is None:
        return None
    from chatctl.common.scram import derive_once

    derive_once()
    return Credentials(password=address.credentials.password, key=NO_KEY)


@dataclass(slots=True, eq=False)
class LoadConnection:
    """One connection: call ``connect``, then ``send_hello`` and ``receive_welcome`` until it has joined."""

    name: str
    """For error messages."""
    hello: bytes
    wire_format: WireFormat
    server: int = 0
    """Which of the load's servers it connects to."""
    unsent: bytes = b""
    """What the socket has not taken yet."""
    received: bytes = b""
    """What was received while joining; afterwards the part of a line after the last LF."""
    bytes_received: int = 0
    """Before the load began."""
    reconnects: int = 0
    """How often it was cut off while joining."""
    pings: int = 0
    """How often the server asked whether it is still there."""
    hello_sent: bool = False
    closed: bool = True
    sock: socket.socket = field(init=False, repr=False)
    _target: Target | None = None
    _prover: Prover | None = None

    @property
    def fd(self) -> int:
        """The descriptor of the socket. It must be connected."""
        return self.sock.fileno()

    def connect(self, target: Target) -> None:
        """Start to connect. Raises ChatError."""
        self._target = target
        if target.first is not None:
            self.sock, target.first = target.first, None
        elif target.family == socket.AF_UNIX:
            self.sock = open_tcp(target.address, deadline_in(ANSWER_SECONDS))
        else:
            self.sock = self._start_connect(target)
        self.sock.setblocking(False)
        self.closed = False

    def _start_connect(self, target: Target) -> socket.socket:
        sock = socket.socket(target.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        if (code := sock.connect_ex(target.peer)) not in _CONNECTING:
            sock.close()
            raise Unreachable(f"{self.name} cannot reach {target.address}: {os.strerror(code).lower()}")
        return sock

    def send_hello(self) -> int:
        """Send the hello once the connection, and TLS where it is used, is there.

        Returns:
            The epoll events to wait for.

        Raises:
            Unreachable: the connection failed.
            ChatError: so did TLS.
        """
        assert self._target is not None
        if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Unreachable(f"{self.name} cannot connect: {os.strerror(code).lower()}")
        if (tls := self._target.tls) is not None:
            self.sock = tls.wrap(self.sock)
            if events := tls.handshake(self.sock):
                return events
        self._prover = self._target.prover(self.sock) if self.hello.startswith(b"{") else None
        self.send(self.hello if self._prover is None else offer_proof(self._prover, self.hello))
        self.hello_sent = True
        return select.EPOLLIN

    @property
    def address(self) -> Address | None:
        """Where it connected to; None before that."""
        return self._target.address if self._target is not None else None

    def receive_welcome(self) -> bool:
        """Read, and return whether the connection has joined. Raises ChatError if it was refused."""
        self.received += self._read()
        try:
            if self._prover is not None:
                answer, self.received = answer_challenge(self._prover, self.received)
                self.send(answer)
            admitted = self.wire_format.admitted(self.received)
        except BadFrame:
            raise stranger(self.address, self.received) from None
        except Unauthorized as error:
            raise error if self._prover is not None else password_wanted(error.text, Options) from None
        if admitted:
            self._answer_pings()
        return admitted

    def drain(self) -> None:
        """Read and discard what has arrived, and answer pings. Raises CutOff at the end of the connection."""
        self.received += self._read()
        self._answer_pings()

    def _answer_pings(self) -> None:
        lines, _, self.received = self.received.rpartition(b"\n")
        if self.wire_format.ping and self.wire_format.ping in lines:
            answers = [answer for line in lines.split(b"\n") if (answer := self.wire_format.answer(line))]
            self.pings += len(answers)
            self.send(b"".join(answers))

    def _read(self) -> bytes:
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            why = reason_of(error)
            raise CutOff(f"the connection to {self.address} broke ({why}) before it answered the hello") from None
        if not data:
            raise CutOff(f"{self.address} closed the connection before it answered the hello")
        self.bytes_received += len(data)
        return data

    def send(self, data: bytes = b"") -> None:
        """Send ``data`` after what is unsent, as much as the socket takes."""
        self.unsent += data
        if not self.unsent:
            return
        with contextlib.suppress(BlockingIOError):
            self.unsent = self.unsent[self.sock.send(self.unsent) :]

    def reset(self) -> None:
        """Close it, so that it can connect again from the start."""
        self.close()
        self.hello_sent = False
        self.unsent = self.received = b""
        self.bytes_received = 0
        self.reconnects += 1

    def close(self) -> None:
        """Close the socket."""
        if not self.closed:
            self.sock.close()
        self.closed = True
