"""One connection: an asyncio protocol around a session. It moves bytes and decides nothing.

Lives here: reading, writing, when to pause either, and the session's timer. Does not live here: what the bytes mean
(core/session.py), what is done then (hub/hub.py), the set of connections (server.py).
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Protocol, cast

import msgspec

from chatctl.core.auth import ConnectionInfo
from chatctl.core.ip_networks import client_of
from chatctl.core.limits import ServerLimits
from chatctl.core.peer import Peer
from chatctl.core.session import Session
from chatctl.core.token_bucket import TokenBucket
from chatctl.hub.hub import Hub
from chatctl.protocol import GREETING, Bye
from chatctl.server.unsent import UnsentOutput

MAX_IN_FLIGHT = 1024
"""Messages of one connection that the journal has not committed yet; it is not read from while there are more."""


READ_BYTES = 64 * 1024
"""Bytes of one read."""

SHORT_READ_BYTES = 4 * 1024
"""The same while too much input waits in memory."""

LINE_OVERHEAD = 48
"""Bytes of a line that waits, beside its own."""


class ConnectionOwner(Protocol):
    """A connection's interface to its server: a register of connections, and the hub."""

    loop: asyncio.AbstractEventLoop
    limits: ServerLimits
    hub: Hub
    unsent: UnsentOutput
    received: int
    sent: int
    stalled: int
    read_buffer: memoryview
    """Where all its connections read to: what is read is copied out of it at once."""

    def add(self, connection: Connection) -> None:
        """Register a connection that is open now."""

    def remove(self, connection: Connection, why: str) -> None:
        """Forget a connection that is lost."""

    def bytes_of(self, network: str) -> TokenBucket | None:
        """Return what the connections of one address share of the bytes that they may send, if they do."""

    def enter(self, connection: Connection) -> None:
        """Note that a connection was let in."""

    def readdress(self, connection: Connection, ip: str) -> None:
        """Let a connection count for the address that its proxy names."""

    def places(self, sockname: str | bytes | tuple[Any, ...], channel: bytes) -> tuple[str, ...]:
        """Return the names that a client's signature may have for this server."""


class Connection(asyncio.BufferedProtocol, Peer):
    """One accepted connection. Its cursor is ``after``, which does not move while it is ``paused``."""

    _transport: asyncio.Transport
    carrier: asyncio.Transport | None = None
    """The TCP transport under that of a TLS connection."""
    greeting: ClassVar[bytes] = GREETING
    wants_tls: ClassVar[str] = "this port speaks TLS only"
    """What a client is told that does not speak it."""
    is_forwarded = False
    """Whether its request has to name the client: it comes from a proxy that sent no PROXY header."""

    def __init__(
        self,
        server: ConnectionOwner,
        label: str,
        host: str,
        address: str = "",
        reached: tuple[str, int] | None = None,
    ) -> None:
        """Create it before its transport: the time for the hello runs from here.

        Args:
            server: the server that it belongs to.
            label: its name in the log.
            host: the address that limits and bans count; empty for this machine's own.
            address: its IP address; empty for that of a unix socket.
            reached: the address and port that it reached, where that was a proxy's; None for this server's own.
        """
        self.network = client_of(host)
        self._reached = reached
        session = Session(server.limits, server.loop.time(), server.bytes_of(self.network))
        Peer.__init__(self, session, label, ConnectionInfo(host))
        self.address = address
        self._server = server
        self._memory = server.hub.memory
        self._owed = 0
        self._backed_up = False  # the kernel has not taken all of the output
        self.unsent = 0
        self._held = 0  # bytes of input that wait, as they are counted
        self._stuck_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None

    def readdress(self, label: str, host: str, address: str) -> None:
        """Count for another address from now on: ``label`` and the rest as at the start."""
        self.label, self.address, self.network = label, address, client_of(host)
        self.info = msgspec.structs.replace(self.info, host=host)
        self.session.share_bytes(self._server.bytes_of(self.network), self._server.loop.time())

    def last_frame(self, why: str, retry_after: float | None) -> Bye | None:
        """Return what the peer is sent last by a server that stops; None if it was not let in."""
        has_entered = self.session.nick or self.room is not None
        return Bye(why=why, retry_after=retry_after) if has_entered else None

    # --- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register it, and send the greeting."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._transport.set_write_buffer_limits(high=1, low=0)  # whatever waits is counted
        places = self._server.places(self._reached or transport.get_extra_info("sockname"), self.info.channel)
        self.info = msgspec.structs.replace(self.info, places=places)
        self._server.add(self)
        self._transport.write(self.greeting)
        self._update_transport()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        buffer = self._server.read_buffer
        return buffer[:SHORT_READ_BYTES] if self._memory.input.is_full else buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self._server.received += nbytes
        self.data_received(bytes(self._server.read_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the session."""
        self.session.receive(data, self._server.loop.time())
        self.pump()
        if self.session.backlog:
            self._hold_input(self._held + len(data) + LINE_OVERHEAD * self.session.lines)

    def eof_received(self) -> bool:
        """Answer what was asked before; then the session ends the connection."""
        self.session.end(self._server.loop.time())
        self.pump()
        return not self.info.channel  # TLS has no half-closed connections: asyncio closes it in any case

    def pause_writing(self) -> None:
        """Note that the kernel takes no more: what waits is counted from now on."""
        self._backed_up = True
        self.count_unsent()

    def resume_writing(self) -> None:
        """Note that the output has drained: go on where it stopped."""
        self._backed_up = False
        self._server.unsent.count(self, 0)
        if self.paused:
            self.paused = False
            if self.leaving is None:
                self._stuck_since = None
                self._server.hub.wake(self)
                self.pump()

    def count_unsent(self) -> None:
        """Count what waits to be sent, and stop where that is too much."""
        size = self._transport.get_write_buffer_size()
        if self.carrier is not None:
            size += self.carrier.get_write_buffer_size()
        if self._server.unsent.count(self, size):
            self.hold()

    def hold(self) -> None:
        """Stop the cursor, and stop reading, until all that waits is sent."""
        if not self.paused:
            self.paused = True
            self._stuck_since = self._server.loop.time()
            self._update_transport()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end of the connection, however it came."""
        self._drop_timer()
        self._server.unsent.count(self, 0)
        self._memory.output.used -= self._owed
        self._owed = 0
        self._backed_up = False
        self._hold_input(0)
        self._server.remove(self, "reset" if exc else "closed")

    # --- the hub's calls

    def send(self, data: bytes) -> None:
        """Write the replies that wait, then ``data``."""
        if self.replies:
            data = self._with_replies(data)
        if not self._transport.is_closing():
            self._server.sent += len(data)
            self._transport.write(data)
            if self._backed_up:
                self.count_unsent()

    def _with_replies(self, data: bytes) -> bytes:
        data = b"".join((*self.replies, data))
        self.replies.clear()
        if self._owed > self._server.limits.out_buffer and self.leaving is None:
            self._server.loop.call_soon(self.pump)
        self._memory.output.used -= self._owed
        self._owed = 0
        return data

    def queue_reply(self, data: bytes) -> None:
        """Keep a reply until the end of the tick."""
        self.replies.append(data)
        self._owed += len(data)
        self._memory.output.used += len(data)

    def close(self) -> None:
        """Flush, then close."""
        if not self._transport.is_closing():
            self._stuck_since = self._server.loop.time()
            self._transport.close()

    def abort(self) -> None:
        """Close at once; output that was not sent is lost."""
        self._transport.abort()

    def entered(self) -> None:
        """Note that it was let in."""
        self._server.enter(self)

    def pump(self) -> None:
        """Carry out effects of the session, as long as there is room for the answers."""
        limit, now = self._server.limits.out_buffer, self._server.loop.time()
        while (
            self.leaving is None
            and not self.paused
            and self._owed <= limit
            and (most := self._may_be_in_flight() - self.in_flight) > 0
            and (effect := self.session.step(now, most)) is not None
        ):
            self._server.hub.perform(self, effect)
        self._update_transport()

    def _may_be_in_flight(self) -> int:
        """Return for how many messages the journal may have to commit: one of each, however short memory is."""
        return 1 if self._memory.input.is_full else MAX_IN_FLIGHT

    def _hold_input(self, size: int) -> None:
        self._memory.input.used += size - self._held
        self._held = size

    # --- timers

    def check(self, now: float) -> None:
        """Drop a peer that has stopped reading, and ping a silent one. Called by the server's housekeeping."""
        if self._stuck_since is not None:
            if now - self._stuck_since >= self._server.limits.stall_seconds:
                self._server.stalled += 1
                self._server.remove(self, "write stall")
                self._transport.abort()
        elif self.leaving is None:
            self.session.tick(now)
            self.pump()

    def _update_transport(self) -> None:
        """Pause or resume reading, and set the timer that the session asks for."""
        backlog = self.session.backlog
        if self._held and not backlog:
            self._hold_input(0)
        busy = self.paused or self.leaving is not None or backlog
        if not self._transport.is_closing():
            if busy and self._transport.is_reading():
                self._transport.pause_reading()
            elif not busy and not self._transport.is_reading():
                self._transport.resume_reading()
        wake_at = None if self.leaving is not None or self.paused else self.session.wake_at
        if wake_at != self._timer_at:
            self._drop_timer()
            if wake_at is not None:
                self._timer_at = wake_at
                self._timer = self._server.loop.call_at(wake_at, self._wake)

    def _wake(self) -> None:
        self._timer = self._timer_at = None
        self.pump()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_at = None
