"""The server: all connections of one hub, counted, looked after, and said goodbye to.

Lives here: accepting or not, the housekeeping timer, stopping. Does not live here: one connection (connection.py),
sockets (listen.py), what is said (hub.py).
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial

from chatctl.common.key_proof import PLACE_OF_UNIX, place_of_tcp, place_of_tls
from chatctl.core.connection_throttle import AddressThrottle, turned_away
from chatctl.core.ip_networks import Networks
from chatctl.errors import ServerFull
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.protocol import Bye, Limits
from chatctl.server.certificates import Tls
from chatctl.server.connection import Connection
from chatctl.server.listener import Listener, describe
from chatctl.server.tls_handshake import TlsHandshake, TlsHandshakes

SPARE_CLIENTS = 64
"""Connections over the limit that are kept long enough to be told that the server is full."""

SPARE_A_NETWORK = 8
"""The same for one address. Without an end to them, the refused ones of one address could take every place."""

FLUSH_SECONDS = 2.0
"""How long a stop waits for what is due to leave."""


class Server:
    """All connections of one hub, and the sockets they come from."""

    def __init__(
        self,
        hub_of: Callable[[Server], Hub],
        limits: Limits,
        log: Log,
        reached_as: Sequence[str] = (),
        nets: Networks | None = None,
    ) -> None:
        """Make it inside a running event loop; ``hub_of`` gives the hub that does the work.

        Args:
            reached_as: further places (proof.py) at which clients reach it: forwarded ports.
            nets: from where connections are taken; by default from everywhere.
        """
        self._reached_as = tuple(reached_as)
        self._nets = nets or Networks()
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self._log = log
        self._connections: set[Connection] = set()
        self.port = 0
        """Of its first TCP socket."""
        self._by_network: Counter[str] = Counter()
        self._counted: set[Connection] = set()
        self._greeting: set[Connection] = set()
        self._pace = AddressThrottle(limits.connect_rate, limits.per_address)
        self._dropped = 0
        self._doors = TlsHandshakes(limits.per_address)
        self._listeners: list[Listener] = []
        self._housekeeping: asyncio.TimerHandle | None = None
        self._joining: set[asyncio.Task[object]] = set()
        self.hub = hub_of(self)

    def listen(
        self, sockets: Iterable[socket.socket], secure: Iterable[socket.socket] = (), tls: Tls | None = None
    ) -> None:
        """Begin to accept, from ``secure`` with TLS."""
        self._listeners = [Listener(sock, self.welcome, self._log) for sock in sockets]
        if tls is not None:
            welcome = partial(self.welcome, tls=tls)
            self._listeners += [Listener(sock, welcome, self._log) for sock in secure]
        self._keep_house()

    def welcome(self, sock: socket.socket, address: object, tls: Tls | None = None) -> None:
        """Take an accepted connection."""
        if len(self._connections) + len(self._doors) >= self.limits.clients + SPARE_CLIENTS:
            sock.close()
            return
        label, host = describe(sock.family, address)
        ip = address[0] if isinstance(address, tuple) else ""
        if self._is_denied(ip):
            self._log.info("denied", peer=label)
            sock.close()
            return
        connection = Connection(self, label, host, ip)
        if host and self._is_crowded(connection.network):
            self._dropped += 1
            sock.close()
            return
        door = TlsHandshake(self, connection, tls, self._doors, self._log) if tls is not None else None
        if door is not None and not self._doors.take(door):
            self._log.warning("too many TLS handshakes at once", peer=label)
            sock.close()
            return
        if door is None:
            self._count(connection)  # now: of those that come in one turn of the loop, each one counts for the next
        connect = self.loop.connect_accepted_socket(lambda: door or connection, sock)
        task = self.loop.create_task(connect)
        self._joining.add(task)
        task.add_done_callback(partial(self._joined, connection, door))

    def _is_denied(self, ip: str) -> bool:
        return bool(ip) and not self._nets.lets_in(ip)

    def send_denied_away(self) -> None:
        """Send away whom ``nets`` takes no more, as a ban of their address does: operators who are in may stay."""
        for connection in list(self._connections):
            if not self._is_denied(connection.address) or self.hub.rules.is_operator(connection.key):
                continue
            self._log.info("denied", peer=connection.label)
            bye = Bye(why="connections from your network are taken no more", final=True)
            self.hub.depart(connection, "removed", bye if connection.room is not None else None)

    def _is_crowded(self, network: str) -> bool:
        """Whether one more from there is closed unheard."""
        if self._by_network[network] >= self.limits.per_address + SPARE_A_NETWORK:
            return True
        if self._waiting() < self.limits.greeting_start:
            return False
        self._greeting = {connection for connection in self._greeting if connection.room is None}
        return turned_away(self._waiting(), self.limits, random.random())  # noqa: S311 — no secret depends on it

    def _waiting(self) -> int:
        return len(self._greeting) + self._doors.counted

    def _joined(self, connection: Connection, door: TlsHandshake | None, task: asyncio.Task[object]) -> None:
        self._joining.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._log.warning("accepted in vain", why=str(error))
            if door is not None:
                self._doors.passed(door)
            self._uncount(connection)

    def made(self, connection: Connection) -> None:
        """Count a connection, and tell it once it can listen that there is no place for it."""
        self._connections.add(connection)
        self._log.info("connected", peer=connection.label)
        if banned := self.hub.banned_at_the_door(connection.host):
            connection.session.dismiss(banned)
        if self._is_denied(connection.address):  # since its accept: the handshake of TLS takes time
            self.hub.depart(connection, "denied")
        if len(self._connections) > self.limits.clients:
            connection.session.dismiss(ServerFull("this server is full: try again later", retry_after=5))
        self._count(connection)

    def _count(self, connection: Connection) -> None:
        """Count one from elsewhere, once, and decide whether its address has a place left."""
        network = connection.network
        if not network or connection in self._counted:
            return
        self._counted.add(connection)
        self._greeting.add(connection)
        self._by_network[network] += 1
        wait = self._pace.wait(network, self.loop.time())
        if self._by_network[network] > self.limits.per_address:
            why = f"too many connections from {network}: at most {self.limits.per_address}"
            connection.session.dismiss(ServerFull(why, retry_after=5))
        elif wait:
            why = f"{network} connects too often: at most {self.limits.connect_rate:g} times a second"
            connection.session.dismiss(ServerFull(why, retry_after=max(1.0, round(wait, 1))))

    def _uncount(self, connection: Connection) -> None:
        network = connection.network
        if network and connection in self._counted:
            self._counted.discard(connection)
            self._greeting.discard(connection)
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def places(self, sockname: object, channel: bytes) -> tuple[str, ...]:
        """Give the names under which a signature may know this server, for a connection that came in there.

        Over TLS (``channel`` is the digest of the certificate) that is the certificate, wherever it was reached.
        """
        if channel:
            return (place_of_tls(channel),)
        if not isinstance(sockname, tuple):
            return (PLACE_OF_UNIX,)
        return _tcp_places(sockname[0], sockname[1], self._reached_as)

    def lost(self, connection: Connection, why: str) -> None:
        """Forget a connection."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._uncount(connection)
        self.hub.depart(connection, why)

    def _keep_house(self) -> None:
        period = min(5.0, max(0.05, min(self.limits.ping_seconds, self.limits.stall_seconds) / 10))
        self._housekeeping = self.loop.call_later(period, self._keep_house)
        now = self.loop.time()
        self._pace.forget(now)
        if self._dropped:
            self._log.warning("dropped unheard, too many at the door", count=self._dropped)
            self._dropped = 0
        for connection in list(self._connections):
            connection.check(now)

    async def stop(self, why: str, *, retry_after: float | None = None, within: float = FLUSH_SECONDS) -> None:
        """Say bye to everyone, flush what is due (``within`` seconds at most), and close."""
        for listener in self._listeners:
            listener.close()
        self._doors.abort()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        for connection in list(self._connections):
            entered = connection.session.nick or connection.room is not None
            self.hub.depart(connection, "server stopped", Bye(why=why, retry_after=retry_after) if entered else None)
        deadline = self.loop.time() + within
        while self._connections and self.loop.time() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            if connection.in_flight:  # what it said will not be answered any more: it has not been seen off
                self.hub.see_off(connection)
            self.lost(connection, "server stopped")
            connection.abort()


@lru_cache(maxsize=64)
def _tcp_places(host: str, port: int, others: tuple[str, ...]) -> tuple[str, ...]:
    """All who came in at one address share this."""
    return (place_of_tcp(host, port), *others)
