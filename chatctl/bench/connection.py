"""One connection of a load: on its way in, over TLS or not, and then in.

Lives here: its socket, and the bytes up to the welcome. Does not live here: many of them (crowd.py), TLS (secure.py),
what is said (speech.py, load.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from typing import TYPE_CHECKING

from chatctl.bench.wire_formats import WireFormat, offer, prove
from chatctl.client.core.address import Address
from chatctl.client.core.connection import stranger
from chatctl.client.core.prover import Prover, place_of
from chatctl.client.io.blocking_connection import open_tcp
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.credentials import NO_KEY, Credentials
from chatctl.errors import BadFrame, Unreachable, reason_of

if TYPE_CHECKING:
    from chatctl.bench.tls import Tls

READ = 256 * 1024
"""Bytes that one read takes at most."""
ANSWER_SECONDS = 5.0
"""How long a server may say nothing to those who want to be let in."""

_UNDER_WAY = (0, errno.EINPROGRESS)


class CutOff(Unreachable):
    """The connection ended before its time."""


class Where:
    """Where all connect to: looked up, and trusted where there is TLS, once, by the first of them."""

    def __init__(self, address: Address) -> None:
        """Connect the first one. Raises ChatError: nobody is there, or it is not trusted."""
        self.address = address
        self.tls: Tls | None = None
        self.first: socket.socket | None = open_tcp(address, deadline_in(ANSWER_SECONDS))
        self.family = self.first.family
        self.peer = self.first.getpeername()
        if address.tls:
            from chatctl.bench.tls import begin

            self.tls, self.first = begin(self.first, address, ANSWER_SECONDS)
        self._credentials = _password_alone(address)

    def prover(self, sock: socket.socket) -> Prover | None:
        """Prove the password on this connection, if there is one."""
        if self._credentials is None:
            return None
        channel = self.tls.channel(sock) if self.tls is not None else b""
        return Prover(self._credentials, place_of(self.peer, channel), channel)


def _password_alone(address: Address) -> Credentials | None:
    """Give the password, if there is one; names that a load makes up are nobody's, so there is no key to prove."""
    if address.credentials is None or address.credentials.password is None:
        return None
    from chatctl.common.scram import derive_once

    derive_once()
    return Credentials(password=address.credentials.password, key=NO_KEY)


class LoadConnection:
    """One connection: on its way in, and then in. ``out`` is what its socket has not taken yet."""

    __slots__ = (
        "closed",
        "greeted",
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

    def __init__(self, name: str, hello: bytes, speech: WireFormat) -> None:
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
        self.greeted = False
        self.closed = False
        self.speech = speech
        self.pings = 0
        """How often it was asked whether it is there."""
        self.sock: socket.socket | None = None
        self.where: Where | None = None
        self.prover: Prover | None = None

    @property
    def fd(self) -> int:
        """The socket's descriptor. It must be connected."""
        assert self.sock is not None
        return self.sock.fileno()

    def connect(self, where: Where) -> None:
        """Begin to connect. Raises ChatError."""
        self.where = where
        if where.first is not None:
            self.sock, where.first = where.first, None
        elif where.family == socket.AF_UNIX:
            self.sock = open_tcp(where.address, deadline_in(ANSWER_SECONDS))
        else:
            self.sock = self._begin(where)
        self.sock.setblocking(False)

    def _begin(self, where: Where) -> socket.socket:
        sock = socket.socket(where.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        if (code := sock.connect_ex(where.peer)) not in _UNDER_WAY:
            sock.close()
            raise Unreachable(f"{self.name} cannot reach {where.address}: {os.strerror(code).lower()}")
        return sock

    def greet(self) -> int:
        """Say hello, once connected, and once hands are shaken where there is TLS; give which events to wait for.

        Raises:
            Unreachable: the connection failed.
            ChatError: so did TLS.
        """
        assert self.sock is not None
        assert self.where is not None
        if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise Unreachable(f"{self.name} cannot connect: {os.strerror(code).lower()}")
        if (tls := self.where.tls) is not None:
            self.sock = tls.on(self.sock)
            if events := tls.shake(self.sock):
                return events
        self.prover = self.where.prover(self.sock) if self.hello.startswith(b"{") else None
        self.push(self.hello if self.prover is None else offer(self.prover, self.hello))
        self.greeted = True
        return select.EPOLLIN

    @property
    def _address(self) -> Address | None:
        return self.where.address if self.where is not None else None

    def hear(self) -> bool:
        """Read on the way in; give whether it is in. Raises ChatError if it will not be."""
        self.seen += self._more()
        try:
            if self.prover is not None:
                answer, self.seen = prove(self.prover, self.seen)
                self.push(answer)
            inside = self.speech.inside(self.seen)
        except BadFrame:
            raise stranger(self._address, self.seen) from None
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
            why = reason_of(error)
            raise CutOff(f"the connection to {self._address} broke ({why}) before it let us in") from None
        if not data:
            raise CutOff(f"{self._address} closed the connection before it let us in")
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
        self.closed, self.greeted, self.out, self.seen, self.received = False, False, b"", b"", 0
        self.lost += 1

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        if self.sock is not None:
            self.sock.close()
