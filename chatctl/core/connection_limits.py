"""Connection limits: how many connections there may be, in all and of each address, and how many not let in yet.

Lives here: the counts, and who is dropped or refused for them. Does not live here: how fast one address may connect
(connection_throttle.py), closing a connection (server/server.py). No clock and no randomness: both are arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from chatctl.core.connection_throttle import AddressThrottle, drop_early
from chatctl.core.crowding import Crowding
from chatctl.core.ip_networks import region_of
from chatctl.core.limits import ServerLimits
from chatctl.core.memory import Share
from chatctl.core.token_bucket import TokenBucket
from chatctl.errors import ServerFull

SPARE_CLIENTS = 64
"""Connections over the limit that are kept long enough to be told that the server is full."""

PLAIN_BYTES = 8 * 1024
"""Memory of an idle connection, beside an unfinished line."""

TLS_BYTES = 48 * 1024
"""What TLS adds to that, from the accept on."""

SPARE_PER_NETWORK = 8
"""The same for one address. Without an end to them, the refused ones of one address could take every place."""


UNBOUNDED = 1 << 30
"""Places for connections where nothing but the limit of clients bounds them."""


def clients_at(places: int) -> int:
    """Return how many clients there may be where there are so many places for connections.

    The others are for those who are told that the server is full: SPARE_CLIENTS, or a quarter of few places.
    """
    return places - min(SPARE_CLIENTS, max(1, places // 4))


class Counted(Protocol):
    """A connection, as far as it is counted."""

    @property
    def network(self) -> str:
        """The address that it counts for, or the /64; empty for one that is exempt."""


class ConnectionLimits:
    """Counts connections, from the accept until they are gone; those of exempt addresses for the total only."""

    def __init__(
        self,
        limits: ServerLimits,
        chance: Callable[[], float],
        places: int = UNBOUNDED,
        memory: Share | None = None,
    ) -> None:
        """Start with none.

        Args:
            limits: of the server.
            chance: draws evenly from 0 up to 1.
            places: how many connections there can be at all: the file descriptors that are left for them.
            memory: what connections may take, and do; by default as much as they like.
        """
        self._limits = limits
        self._most = min(limits.clients, clients_at(places))
        self._places = min(limits.clients + SPARE_CLIENTS, places)
        self._memory = memory or Share(1 << 60)
        self._chance = chance
        self._throttle = AddressThrottle(limits.connect_rate, limits.per_address)
        self._counted: set[Counted] = set()
        self._waiting: set[Counted] = set()  # not let in yet; TLS handshakes wait as well
        self._clients, self._regions = Crowding(), Crowding()
        self._by_network: Counter[str] = Counter()
        self._handshakes: Counter[str] = Counter()
        self._bytes: dict[str, TokenBucket] = {}

    # --- at the accept

    def is_over_full(self, connections: int) -> bool:
        """Return whether a new one finds no place even for being refused; ``connections`` are not in a handshake."""
        spare = SPARE_CLIENTS * self._weight(secure=True)
        return connections + self._handshakes.total() >= self._places or self._memory.used >= self._memory.limit + spare

    def is_crowded(self, network: str) -> bool:
        """Return whether a new connection from there is to be closed without an answer."""
        if not network:
            return False
        if self._by_network[network] >= self._limits.per_address + SPARE_PER_NETWORK:
            return True
        seen = min(self._clients.seen_from(network), self._regions.seen_from(region_of(network)))
        return seen >= self._limits.greeting_start and drop_early(seen, self._limits, self._chance())

    def _begin_wait(self, network: str) -> None:
        if network:
            self._clients.add(network)
            self._regions.add(region_of(network))

    def _end_wait(self, network: str) -> None:
        if network:
            self._clients.remove(network)
            self._regions.remove(region_of(network))

    def begin_handshake(self, network: str) -> bool:
        """Count a TLS handshake from there; return False, and do not, if too many are under way."""
        if network and self._handshakes[network] >= self._limits.per_address:
            return False
        self._handshakes[network] += 1
        self._begin_wait(network)
        self._memory.used += self._weight(secure=True)
        return True

    def end_handshake(self, network: str) -> None:
        """Forget a TLS handshake that succeeded or failed."""
        _decrease(self._handshakes, network)
        self._end_wait(network)
        self._memory.used -= self._weight(secure=True)

    def _weight(self, *, secure: bool) -> int:
        return PLAIN_BYTES + self._limits.line + TLS_BYTES * secure

    # --- once there is a connection

    def refusal(self, connections: int) -> ServerFull | None:
        """Return why the last of so many ``connections`` is refused, if it is one too many."""
        if connections <= self._most and not self._memory.is_full:
            return None
        return ServerFull("this server is full: try again later", retry_after=5)

    def opened(self, *, secure: bool) -> None:
        """Count the memory of a connection that is open, with TLS if ``secure``, and past the handshake."""
        self._memory.used += self._weight(secure=secure)

    def closed(self, *, secure: bool) -> None:
        """Count it no more."""
        self._memory.used -= self._weight(secure=secure)

    def add(self, connection: Counted, now: float) -> ServerFull | None:
        """Count a connection, once; return why it is refused, if its address has no place left for it."""
        network = connection.network
        if not network or connection in self._counted:
            return None
        self._counted.add(connection)
        self._waiting.add(connection)
        self._begin_wait(network)
        self._by_network[network] += 1
        wait = self._throttle.wait(network, now)
        if self._by_network[network] > self._limits.per_address:
            why = f"too many connections from {network}: at most {self._limits.per_address}"
            return ServerFull(why, retry_after=5)
        if wait:
            why = f"{network} connects too often: at most {self._limits.connect_rate:g} times a second"
            return ServerFull(why, retry_after=max(1.0, round(wait, 1)))
        return None

    def enter(self, connection: Counted) -> None:
        """Note that a connection was let in: it waits no more. Once is enough."""
        if connection in self._waiting:
            self._waiting.discard(connection)
            self._end_wait(connection.network)

    def remove(self, connection: Counted) -> None:
        """Forget a connection that is gone."""
        self.enter(connection)
        if connection in self._counted:
            self._counted.discard(connection)
            _decrease(self._by_network, connection.network)

    def bytes_of(self, network: str, now: float) -> TokenBucket | None:
        """Return what all connections from there share of the bytes that they may send; None for exempt ones."""
        if not network or not self._limits.rate:
            return None
        if network not in self._bytes:
            rate = self._limits.bytes_per_address
            self._bytes[network] = TokenBucket(rate, rate, now)
        return self._bytes[network]

    def forget(self, now: float) -> None:
        """Drop what is remembered of addresses that have not connected for a while. Call it now and then."""
        self._throttle.forget(now)
        idle = self._bytes.keys() - self._by_network.keys() - self._handshakes.keys()
        for network in [network for network in idle if self._bytes[network].is_full(now)]:
            del self._bytes[network]


def _decrease(counts: Counter[str], network: str) -> None:
    counts[network] -= 1
    if not counts[network]:
        del counts[network]
