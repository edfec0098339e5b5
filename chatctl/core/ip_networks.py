"""From which networks connections are taken."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Net = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED_PREFIX = 96
"""Bits that an IPv4-mapped address has before those of the IPv4 one."""


class Networks:
    """Those that are allowed, and those that are not: what is denied stays out, whatever is allowed."""

    def __init__(self, allow: Sequence[Net] = (), deny: Sequence[Net] = ()) -> None:
        """Begin as ``set`` does."""
        self.set(allow, deny)

    def set(self, allow: Sequence[Net], deny: Sequence[Net]) -> None:
        """From now on take connections from ``allow``, from everywhere if that is empty; but for ``deny``."""
        self._allow = _Index(allow)
        self._deny = _Index(deny)

    def lets_in(self, host: str) -> bool:
        """Tell whether a connection from this IP address is taken; an IPv4-mapped one counts as its IPv4 one."""
        if not (self._allow or self._deny):
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return address not in self._deny and (not self._allow or address in self._allow)


class _Index:
    """Networks by their size: a list of a hundred thousand costs an accept no more than one of a dozen."""

    def __init__(self, nets: Iterable[Net]) -> None:
        self._by_size: dict[tuple[int, int], set[int]] = {}  # (version, prefix): where those networks begin
        for net in map(_unmapped, nets):
            self._by_size.setdefault((net.version, net.prefixlen), set()).add(int(net.network_address))

    def __bool__(self) -> bool:
        return bool(self._by_size)

    def __contains__(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        number = int(address)
        return any(
            number >> (rest := address.max_prefixlen - prefix) << rest in begins
            for (version, prefix), begins in self._by_size.items()
            if version == address.version
        )


def _unmapped(net: Net) -> Net:
    """Give the IPv4 network that is meant, since addresses are compared in that form: ``::ffff:10.0.0.0/104``."""
    mapped = net.network_address.ipv4_mapped if isinstance(net, ipaddress.IPv6Network) else None
    if mapped is None or net.prefixlen < _MAPPED_PREFIX:
        return net
    return ipaddress.IPv4Network((mapped, net.prefixlen - _MAPPED_PREFIX))
