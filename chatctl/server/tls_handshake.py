"""The door of the TLS port: a connection from its accept until the handshake is done.

Who speaks TLS gets a connection (connection.py) behind it; who does not is told so in its own dialect. Until then it
counts as one of its address, and the time for its hello runs.

It is asyncio's SSLProtocol on uvloop, too. uvloop's own reads up to 256 KiB at once for each connection and keeps that
memory (measured in docs/security.md, "Memory").
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections import Counter
from typing import Protocol, cast

from chatctl.core.auth import ConnectionInfo
from chatctl.errors import BadFrame
from chatctl.hub.event_log import Log
from chatctl.protocol import Limits
from chatctl.server.certificates import Tls
from chatctl.server.connection import Connection

_HANDSHAKE = 0x16
"""The first byte of every TLS client."""

_READ = 8 * 1024
"""Bytes of one read, and of what may wait unread in front of a connection that pauses. At asyncio's own 256 KiB a
member costs seven times as much. A record has up to 16 KiB and comes in pieces then; members rarely send one."""


class _Secure(SSLProtocol):
    max_size = _READ  # instead of 256 KiB, which each connection would hold


class House(Protocol):
    """The server, as its doors see it."""

    loop: asyncio.AbstractEventLoop
    limits: Limits


class TlsHandshakes:
    """All doors of a server, counted by address."""

    def __init__(self, per_address: int) -> None:
        """Have none yet; ``per_address`` at most for each, exempt ones aside."""
        self._per_address = per_address
        self._all: set[TlsHandshake] = set()
        self._by_host: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def counted(self) -> int:
        """How many there are, exempt ones aside."""
        return len(self._all) - self._by_host[""]

    def take(self, door: TlsHandshake) -> bool:
        """Count a door; False if its address has its share already."""
        host = door.connection.network
        if host and self._by_host[host] >= self._per_address:
            return False
        self._all.add(door)
        self._by_host[host] += 1
        return True

    def passed(self, door: TlsHandshake) -> None:
        """Forget a door: its connection stands, or is gone."""
        if door in self._all:
            self._all.discard(door)
            host = door.connection.network
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]

    def abort(self) -> None:
        """Close all that are still there."""
        for door in list(self._all):
            door.abort()


class TlsHandshake(asyncio.Protocol):
    """One accepted connection to the TLS port, not let in yet. ``connection`` is what it will be."""

    _transport: asyncio.Transport | None = None

    def __init__(self, house: House, connection: Connection, tls: Tls, doors: TlsHandshakes, log: Log) -> None:
        """Wait for ``connection_made``."""
        self._house = house
        self._tls = tls
        self._doors = doors
        self._log = log
        self._hello_by = house.loop.time() + house.limits.hello_seconds
        self._timer: asyncio.TimerHandle | None = None
        self.connection = connection

    # --- asyncio's calls, until the first byte

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first byte."""
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self._house.loop.call_at(self._hello_by, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Let it through, one way or the other."""
        self._drop_timer()
        assert self._transport is not None
        if data[0] == _HANDSHAKE:
            self._shake_hands(data, self._transport)
        else:
            self._tell_it(data, self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing was said."""
        self._drop_timer()
        self._doors.passed(self)

    # --- the ways through

    def _shake_hands(self, data: bytes, transport: asyncio.Transport) -> None:
        """Put TLS between the transport and the connection."""
        loop, certificate = self._house.loop, self._tls.current
        self.connection.way = ConnectionInfo(self.connection.host, channel=certificate.digest)
        done: asyncio.Future[None] = loop.create_future()
        done.add_done_callback(self._shaken)
        secure = _Secure(
            loop,
            self.connection,
            certificate.context,
            done,
            server_side=True,
            ssl_handshake_timeout=max(0.001, self._hello_by - loop.time()),  # type: ignore[arg-type]  # float is right
            ssl_shutdown_timeout=self._house.limits.stall_seconds,  # of all that it was sent last, too
        )
        secure._set_read_buffer_limits(high=_READ)  # type: ignore[attr-defined]  # noqa: SLF001 — as its transport's
        transport.pause_reading()  # uvloop asks its protocol anew for how it wants to read when it starts again
        transport.set_protocol(secure)
        secure.connection_made(transport)
        for start in range(0, len(data), _READ):
            piece = data[start : start + _READ]
            secure.get_buffer(len(piece))[: len(piece)] = piece
            secure.buffer_updated(len(piece))
        if not transport.is_closing():
            transport.resume_reading()

    def _shaken(self, done: asyncio.Future[None]) -> None:
        self._doors.passed(self)
        if not done.cancelled() and (error := done.exception()) is not None:
            self._log.info("no TLS", peer=self.connection.label, why=_reason(error))

    def _tell_it(self, data: bytes, transport: asyncio.Transport) -> None:
        """Let somebody who speaks no TLS say hello, and answer that it has to."""
        self._log.info("no TLS", peer=self.connection.label, why="it speaks plainly")
        self._doors.passed(self)
        transport.set_protocol(self.connection)
        self.connection.connection_made(transport)
        self.connection.session.dismiss(BadFrame("this port speaks TLS only: use --tls"))
        self.connection.data_received(data)

    # --- giving up

    def _too_late(self) -> None:
        self._log.info("no TLS", peer=self.connection.label, why="it said nothing")
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._drop_timer()
        if self._transport is not None:
            self._transport.abort()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, ConnectionAbortedError):
        return "the handshake took too long"
    return str(error).lower() or "it hung up"
