"""A connection to the TLS port, from its accept to the end of the handshake.

A client that begins a handshake gets TLS between its transport and its connection (connection.py); one that speaks
plainly is told in its own dialect that this port wants TLS. The time for the hello runs from the accept.

It uses asyncio's SSLProtocol, on uvloop as well: uvloop's own reads up to 256 KiB at once for each connection and keeps
that memory (measured in docs/security.md, "Memory").
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Protocol, cast

import msgspec

from chatctl.errors import BadFrame
from chatctl.hub.event_log import Log
from chatctl.server.certificates import Tls
from chatctl.server.connection import Connection, ConnectionOwner

_HANDSHAKE = 0x16
"""The first byte of every TLS client."""

_READ = 8 * 1024
"""Bytes of one read, and of input that is buffered for a connection that has paused reading. With asyncio's own 256 KiB
a member costs seven times as much memory. A record of up to 16 KiB then arrives in pieces; members rarely send one."""


class _SmallSSLProtocol(SSLProtocol):
    """asyncio's, in which the flow of output is that of the TCP transport, where what is not sent waits."""

    max_size = _READ  # instead of 256 KiB, which each connection would hold
    connection: Connection

    def pause_writing(self) -> None:
        super().pause_writing()
        self.connection.pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._ssl_writing_paused:  # type: ignore[attr-defined]
            self.connection.resume_writing()

    def _control_app_writing(self, context: object = None) -> None:
        """Leave it to the two above."""


class HandshakeOwner(ConnectionOwner, Protocol):
    """A handshake's interface to its server: limits, and a register of handshakes."""

    def end_handshake(self, handshake: TlsHandshake) -> None:
        """Forget a handshake: its connection is open, or is gone."""


class TlsHandshake(asyncio.Protocol):
    """An accepted connection whose handshake is not done; ``connection`` takes over from it."""

    _transport: asyncio.Transport | None = None

    def __init__(self, server: HandshakeOwner, connection: Connection, tls: Tls, log: Log) -> None:
        """Create it before its transport: the time for the hello runs from here."""
        self._server = server
        self._tls = tls
        self._log = log
        self._hello_by = server.loop.time() + server.limits.hello_seconds
        self._timer: asyncio.TimerHandle | None = None
        self.connection = connection

    @property
    def network(self) -> str:
        """The address that it counts for."""
        return self.connection.network

    # --- asyncio's calls, until the first byte

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first byte."""
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self._server.loop.call_at(self._hello_by, self._time_out)

    def data_received(self, data: bytes) -> None:
        """Begin a handshake, or answer a client that does not speak TLS."""
        self._drop_timer()
        assert self._transport is not None
        if data[0] == _HANDSHAKE:
            self._begin_tls(data, self._transport)
        else:
            self._refuse_plain(data, self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client that sent nothing."""
        self._drop_timer()
        self._server.end_handshake(self)

    # --- after the first byte

    def _begin_tls(self, data: bytes, transport: asyncio.Transport) -> None:
        """Put TLS between the transport and the connection."""
        loop, certificate = self._server.loop, self._tls.current
        self.connection.info = msgspec.structs.replace(self.connection.info, channel=certificate.digest)
        done: asyncio.Future[None] = loop.create_future()
        done.add_done_callback(self._handshake_done)
        secure = _SmallSSLProtocol(
            loop,
            self.connection,
            certificate.context,
            done,
            server_side=True,
            ssl_handshake_timeout=max(0.001, self._hello_by - loop.time()),  # type: ignore[arg-type]  # float is right
            ssl_shutdown_timeout=self._server.limits.stall_seconds,  # covers output that is still to be sent
        )
        secure.connection = self.connection
        self.connection.carrier = transport
        transport.set_write_buffer_limits(high=1, low=0)
        secure._set_read_buffer_limits(high=_READ)  # type: ignore[attr-defined]  # noqa: SLF001 — what its transport calls
        transport.pause_reading()  # uvloop looks at how its protocol wants to read when reading is resumed
        transport.set_protocol(secure)
        secure.connection_made(transport)
        for start in range(0, len(data), _READ):
            piece = data[start : start + _READ]
            secure.get_buffer(len(piece))[: len(piece)] = piece
            secure.buffer_updated(len(piece))
        if not transport.is_closing():
            transport.resume_reading()

    def _handshake_done(self, done: asyncio.Future[None]) -> None:
        self._server.end_handshake(self)
        if not done.cancelled() and (error := done.exception()) is not None:
            self._log.info("no TLS", peer=self.connection.label, why=_reason(error))

    def _refuse_plain(self, data: bytes, transport: asyncio.Transport) -> None:
        """Let a client that does not speak TLS say hello, and answer that it has to."""
        self._log.info("no TLS", peer=self.connection.label, why="the client does not use TLS")
        self.connection.refused = True
        self._server.end_handshake(self)
        transport.set_protocol(self.connection)
        self.connection.connection_made(transport)
        self.connection.session.refuse_on_hello(BadFrame(self.connection.wants_tls))
        self.connection.data_received(data)

    # --- giving up

    def _time_out(self) -> None:
        self._log.info("no TLS", peer=self.connection.label, why="the client sent nothing")
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
    return str(error).lower() or "the client closed the connection"
