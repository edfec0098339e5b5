"""From which networks connections are taken."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Net = ipaddress.IPv4Network | ipaddress.IPv6Network


class Nets:
    """Those that are allowed, and those that are not: what is denied stays out, whatever is allowed."""

    def __init__(self, allow: Sequence[Net] = (), deny: Sequence[Net] = ()) -> None:
        """Begin as ``set`` does."""
        self.set(allow, deny)

    def set(self, allow: Sequence[Net], deny: Sequence[Net]) -> None:
        """From now on take connections from ``allow``, from everywhere if that is empty; but for ``deny``."""
        self._allow = tuple(allow)
        self._deny = tuple(deny)

    def lets_in(self, host: str) -> bool:
        """Tell whether a connection from this IP address is taken; an IPv4-mapped one counts as its IPv4 one."""
        if not (self._allow or self._deny):
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if any(address in net for net in self._deny):
            return False
        return not self._allow or any(address in net for net in self._allow)
