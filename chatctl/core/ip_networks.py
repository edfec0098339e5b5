"""Rules about IP networks: which connections are taken, and what counts as one client.

Reading addresses and networks: common/ip_addresses.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from chatctl.common.ip_addresses import Address, Network, parse_address, parse_network

_CLIENT_PREFIX = {4: 32, 6: 64}
"""Bits that tell clients apart: a whole /64 of IPv6 belongs to one customer."""
_REGION_PREFIX = {4: 24, 6: 48}
"""Bits of what is given out as a whole: who has some addresses has all of it, often."""
_KINDS: dict[int, type[Network]] = {4: IPv4Network, 6: IPv6Network}


def client_network(text: str) -> Network:
    """Return the network that counts as one client for this address; a network stays as it is. Raises ValueError."""
    if "/" in text:
        return parse_network(text)
    address = parse_address(text)
    return _around(address, _CLIENT_PREFIX[address.version])


def client_of(host: str) -> str:
    """Return how limits and messages name a client: its IPv4 address, or its /64; empty for an empty host."""
    return str(client_network(host)).removesuffix("/32") if ":" in host else host


@lru_cache(maxsize=4096)
def region_of(client: str) -> str:
    """Return the network around a client (see ``client_of``) that one owner may well have all of."""
    if not client:
        return ""
    network = client_network(client)
    return str(network.supernet(new_prefix=_REGION_PREFIX[network.version]))


class NetworkSet:
    """Networks, grouped by size: a lookup among a hundred thousand costs no more than among a dozen."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        """Start with these."""
        self._by_size: dict[tuple[int, int], Counter[int]] = {}  # (version, prefix): first address, times added
        for network in networks:
            self.add(network)

    def __bool__(self) -> bool:
        return bool(self._by_size)

    def __contains__(self, address: Address) -> bool:
        return any(True for _ in self.around(address))

    def add(self, network: Network) -> None:
        """Add a network; one that is added twice has to be removed twice."""
        size = network.version, network.prefixlen
        self._by_size.setdefault(size, Counter())[int(network.network_address)] += 1

    def remove(self, network: Network) -> None:
        """Remove a network that was added."""
        size, begin = (network.version, network.prefixlen), int(network.network_address)
        self._by_size[size][begin] -= 1
        if not self._by_size[size][begin]:
            del self._by_size[size][begin]
        if not self._by_size[size]:
            del self._by_size[size]

    def around(self, address: Address) -> Iterator[Network]:
        """Yield the networks that this address is in."""
        number = int(address)
        for (version, prefix), begins in self._by_size.items():
            rest = address.max_prefixlen - prefix
            if version == address.version and number >> rest << rest in begins:
                yield _around(address, prefix)


class Networks:
    """The networks that connections are taken from, those that are denied even then, and those of proxies."""

    def __init__(
        self, allow: Sequence[Network] = (), deny: Sequence[Network] = (), proxies: Sequence[Network] = ()
    ) -> None:
        """Start as ``set`` does."""
        self.set(allow, deny, proxies)

    def set(self, allow: Sequence[Network], deny: Sequence[Network], proxies: Sequence[Network] = ()) -> None:
        """From now on take connections from ``allow``, from everywhere if that is empty; but never from ``deny``.

        What comes from ``proxies`` says itself whom it is for, and that address is the one that is taken or not.
        """
        self._allow = NetworkSet(allow)
        self._deny = NetworkSet(deny)
        self.proxies = tuple(proxies)
        self._proxies = NetworkSet(proxies)

    def is_proxy(self, host: str) -> bool:
        """Return whether a connection from this IP address is one of a proxy's; empty for that of a unix socket."""
        return bool(self._proxies) and host != "" and parse_address(host) in self._proxies

    def lets_in(self, host: str) -> bool:
        """Return whether a connection from this IP address is taken."""
        if not (self._allow or self._deny):
            return True
        address = parse_address(host)
        return address not in self._deny and (not self._allow or address in self._allow)


def _around(address: Address, prefix: int) -> Network:
    return _KINDS[address.version]((int(address), prefix), strict=False)
