"""The server: accepts connections for one hub, checks them now and then, and closes them at the end.

Lives here: the set of connections, the housekeeping timer, stopping. Does not live here: one connection
(connection.py), sockets (listener.py), who may connect (core/connection_limits.py), what frames do (hub/hub.py).
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chatctl.core.connection_limits import UNBOUNDED, ConnectionLimits
from chatctl.core.ip_networks import Networks
from chatctl.core.token_bucket import TokenBucket
from chatctl.errors import Forbidden
from chatctl.hub.hub import Hub
from chatctl.protocol import Bye
from chatctl.server.certificates import Tls
from chatctl.server.connection import READ_BYTES, Connection
from chatctl.server.listener import Listener, describe
from chatctl.server.places import places_of
from chatctl.server.proxy_handshake import ProxyHandshake
from chatctl.server.proxy_header import Proxied
from chatctl.server.tls_handshake import TlsHandshake
from chatctl.server.unsent import UnsentOutput

Address = tuple[Any, ...]
"""The peer's end of a TCP connection, as ``accept`` returns it: an IP address, a port and perhaps more."""

Connect = Callable[["Server", str, str, str, tuple[str, int] | None], Connection]
"""Makes a connection, with the arguments of ``Connection``."""

FLUSH_SECONDS = 2.0
"""How long a stop waits for output that is not sent yet."""


@dataclass(frozen=True, slots=True)
class Port:
    """What is spoken on a listening socket."""

    tls: Tls | None = None
    connect: Connect = Connection
    reads_forwarded: bool = False
    """A proxy that sends no PROXY header names its client in the request."""


PLAIN = Port()


class Server:
    """All connections of one hub, and the sockets that they come from."""

    def __init__(
        self,
        hub: Hub,
        reached_as: Sequence[str] = (),
        networks: Networks | None = None,
        places: int = UNBOUNDED,
    ) -> None:
        """Create it inside a running event loop; ``listen`` starts it.

        Args:
            hub: carries out what clients ask for.
            reached_as: further places (common/key_proof.py) at which clients reach it: forwarded ports, and paths under
                which others see its unix socket.
            networks: from where connections are accepted; by default from everywhere.
            places: how many connections there can be at all.
        """
        self.hub = hub
        self.limits = hub.limits
        self.loop = asyncio.get_running_loop()
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self.unsent = UnsentOutput(hub.memory.output, hub.limits.out_buffer)
        self._log = hub.log
        self._reached_as = tuple(reached_as)
        self._networks = networks or Networks()
        self._counts = ConnectionLimits(hub.limits, random.random, places, hub.memory.connections)
        self._connections: set[Connection] = set()
        self._handshakes: set[TlsHandshake | ProxyHandshake] = set()
        self._connecting: set[asyncio.Task[object]] = set()
        self._accepted: set[Connection] = set()
        self._listeners: list[Listener] = []
        self._housekeeping: asyncio.TimerHandle | None = None
        self.received = 0
        """Bytes that clients sent, as they are inside TLS."""
        self.sent = 0
        """Bytes of frames and responses that clients were sent."""
        self.dropped = 0
        """Connections that were closed without a word: too many of them waited."""
        self.stalled = 0
        """Connections that were closed because they read nothing."""
        self._told_dropped = 0
        self._stop_by = 0.0

    # --- accepting

    def listen(
        self, sockets: Iterable[socket.socket], secure: Iterable[socket.socket] = (), tls: Tls | None = None
    ) -> None:
        """Begin to accept: plain connections from ``sockets``, with ``tls`` from ``secure``."""
        self.listen_as(PLAIN, sockets)
        if tls is not None:
            self.listen_as(Port(tls), secure)
        self._run_housekeeping()

    def listen_as(self, port: Port, sockets: Iterable[socket.socket]) -> None:
        """Begin to accept from these sockets as well. ``listen`` is called too."""
        self._listeners += [Listener(sock, partial(self.accept, port=port), self._log) for sock in sockets]

    def accept(self, sock: socket.socket, address: object, port: Port = PLAIN) -> None:
        """Make a connection of an accepted socket, or close it."""
        if self._counts.is_over_full(len(self._connections) + len(self._accepted)):
            sock.close()
            return
        own = address if isinstance(address, tuple) else None
        begun: Connection | TlsHandshake | ProxyHandshake | None
        if own is not None and self._networks.is_proxy(own[0]):
            begun = self._await_proxy(sock.family, own, port)
        else:
            begun = self._begin(sock.family, own, port)
        if begun is None:
            sock.close()
            return
        task = self.loop.create_task(self.loop.connect_accepted_socket(lambda: begun, sock))
        self._connecting.add(task)
        task.add_done_callback(partial(self._connected, begun))

    def _await_proxy(self, family: int, own: Address, port: Port) -> ProxyHandshake:
        """Return what waits for the header of a proxy's connection."""
        self._counts.begin_handshake("")
        label, _ = describe(family, own)
        found = partial(self._go_on, family, own, port)
        handshake = ProxyHandshake(self, label, found, self._log, needed=not port.reads_forwarded)
        self._handshakes.add(handshake)
        return handshake

    def _go_on(
        self,
        family: int,
        own: Address,
        port: Port,
        transport: asyncio.Transport,
        proxied: Proxied | None,
        rest: bytes,
    ) -> None:
        """Begin the connection behind a proxy's header; ``proxied`` is None if there is none where it is not needed."""
        forwarded = proxied is None and port.reads_forwarded
        if proxied is None and port.tls is not None and not forwarded:
            transport.abort()  # its client wants TLS, or will be told by nobody
            return
        source, reached = proxied or Proxied()
        begun = self._begin(family, source or own, port, reached, forwarded=forwarded)
        if begun is None:
            transport.abort()
            return
        transport.set_protocol(begun)
        begun.connection_made(transport)
        if proxied is None and not forwarded and isinstance(begun, Connection):
            begun.session.refuse_on_hello(
                Forbidden("this server accepts connections from your address through a proxy only")
            )
        if rest and not transport.is_closing():
            self.received += len(rest)
            begun.data_received(rest)

    def _begin(
        self,
        family: int,
        address: Address | None,
        port: Port,
        reached: tuple[str, int] | None = None,
        *,
        forwarded: bool = False,
    ) -> Connection | TlsHandshake | None:
        """Return what takes a connection from an address, or None if nothing does."""
        label, host = describe(family, address)
        ip = address[0] if address is not None else ""
        if forwarded:
            host = ip = ""  # the proxy's own: it counts for nobody
        if self._is_denied(ip):
            self._log.info("denied", peer=label)
            return None
        connection = port.connect(self, label, host, ip, reached)
        connection.is_forwarded = forwarded
        if self._counts.is_crowded(connection.network):
            self.dropped += 1
            return None
        if port.tls is None:
            self._accepted.add(connection)
            self._count(connection)  # at once: those accepted in the same loop iteration count for each other
            return connection
        if not self._counts.begin_handshake(connection.network):
            self._log.warning("too many TLS handshakes at once", peer=label)
            return None
        handshake = TlsHandshake(self, connection, port.tls, self._log)
        self._handshakes.add(handshake)
        return handshake

    def _connected(self, begun: Connection | TlsHandshake | ProxyHandshake, task: asyncio.Task[object]) -> None:
        self._connecting.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(begun, Connection):
            self._accepted.discard(begun)
        if error is not None:
            self._log.warning("accepted connection failed", why=str(error))
            if isinstance(begun, Connection):
                self._counts.remove(begun)
            else:
                self.end_handshake(begun)

    def _is_denied(self, ip: str) -> bool:
        return bool(ip) and not self._networks.lets_in(ip)

    def _count(self, connection: Connection) -> None:
        if refusal := self._counts.add(connection, self.loop.time()):
            connection.session.refuse_on_hello(refusal)

    # --- what connections report

    def end_handshake(self, handshake: TlsHandshake | ProxyHandshake) -> None:
        """Forget a handshake: its connection is open, or is gone."""
        if handshake in self._handshakes:
            self._handshakes.discard(handshake)
            self._counts.end_handshake(handshake.network)

    def add(self, connection: Connection) -> None:
        """Register a connection that is open now; one that is refused is told so after its hello."""
        self._connections.add(connection)
        self._accepted.discard(connection)
        if banned := self.hub.address_ban(connection.info.host):
            connection.session.refuse_on_hello(banned)
        if self._is_denied(connection.address):  # since it was accepted: a TLS handshake takes time
            self.hub.disconnect(connection, "denied")
        if full := self._counts.refusal(len(self._connections)):
            connection.session.refuse_on_hello(full)
        self._counts.opened(secure=bool(connection.info.channel))
        self._count(connection)

    def readdress(self, connection: Connection, ip: str) -> None:
        """Let a connection count for the address that its proxy names in the request, as if it had come from there."""
        _, host = describe(socket.AF_INET, (ip, 0))
        connection.readdress(f"{ip} by {connection.label}", host, ip)
        if self._is_denied(ip):
            self._log.info("denied", peer=connection.label)
            self.hub.disconnect(connection, "denied")
        if banned := self.hub.address_ban(host):
            connection.session.refuse_on_hello(banned)
        self._count(connection)

    def bytes_of(self, network: str) -> TokenBucket | None:
        """Return what the connections of one address share of the bytes that they may send, if they do."""
        return self._counts.bytes_of(network, self.loop.time())

    def enter(self, connection: Connection) -> None:
        """Note that a connection was let in: it leaves the door."""
        self._counts.enter(connection)

    def remove(self, connection: Connection, why: str) -> None:
        """Forget a connection that is lost."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._counts.closed(secure=bool(connection.info.channel))
            self._counts.remove(connection)
            self.hub.disconnect(connection, why)

    def places(self, sockname: str | bytes | tuple[Any, ...], channel: bytes) -> tuple[str, ...]:
        """Return the names that a client's signature may have for this server, as ``places_of``."""
        return places_of(sockname, channel, self._reached_as)

    def census(self) -> Counter[tuple[str, bool]]:
        """Return how many connections there are of each dialect, with TLS or without."""
        return Counter((one.session.dialect.name, bool(one.info.channel)) for one in self._connections)

    def slow_readers(self) -> int:
        """Return how many connections are sent nothing until they have read what they were sent."""
        return sum(one.paused for one in self._connections)

    # --- housekeeping, and the end

    def disconnect_denied(self) -> None:
        """Disconnect those that the networks deny now, as a ban of their address does. Operators who are in stay."""
        for connection in list(self._connections):
            if not self._is_denied(connection.address) or self.hub.rules.is_operator(connection.key):
                continue
            self._log.info("denied", peer=connection.label)
            bye = Bye(why="connections from your network are no longer allowed", final=True)
            self.hub.disconnect(connection, "removed", bye if connection.room is not None else None)

    def _run_housekeeping(self) -> None:
        period = min(5.0, max(0.05, min(self.limits.ping_seconds, self.limits.stall_seconds) / 10))
        self._housekeeping = self.loop.call_later(period, self._run_housekeeping)
        now = self.loop.time()
        self.hub.clock()  # so that a step is noticed where nobody speaks
        self._counts.forget(now)
        self.hub.forget_addresses(now)
        self.hub.leasing.expire()
        if count := self.dropped - self._told_dropped:
            self._log.warning("dropped before hello, too many new connections", count=count)
            self._told_dropped = self.dropped
        self.unsent.count_all()
        for connection in list(self._connections):
            connection.check(now)

    def hurry(self, within: float) -> None:
        """Shorten a ``stop`` that is under way: it flushes for so many seconds more at most."""
        self._stop_by = min(self._stop_by, self.loop.time() + within)

    async def stop(self, why: str, *, retry_after: float | None = None, within: float = FLUSH_SECONDS) -> None:
        """Accept no more, send a ``bye`` to everyone, flush for ``within`` seconds at most, and close."""
        for listener in self._listeners:
            listener.close()
        if self._connecting:  # accepted, and in no register that is gone through below: one loop iteration
            await asyncio.wait(self._connecting)
        for handshake in list(self._handshakes):
            handshake.abort()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self.hub.leasing.stopping()
        for connection in list(self._connections):
            self.hub.disconnect(connection, "server stopped", connection.last_frame(why, retry_after))
        self._stop_by = self.loop.time() + within
        while self._connections and self.loop.time() < self._stop_by:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            if connection.in_flight:  # its messages get no receipt any more, so the hub still waits for them
                self.hub.finish_disconnect(connection)
            self.remove(connection, "server stopped")
            connection.abort()
