"""IP addresses and networks, read the same way at both ends: no zone, and IPv4-mapped ones of IPv6 as IPv4."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED_PREFIX = 96
"""Bits of an IPv4-mapped address before those of the IPv4 one."""


def parse_address(text: str) -> Address:
    """Read an address, with or without a zone (``fe80::1%eth0``). Raises ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def parse_network(text: str) -> Network:
    """Read a network, or an address as a network of one; host bits are dropped. Raises ValueError."""
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_PREFIX:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))
