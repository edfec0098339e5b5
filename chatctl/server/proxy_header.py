"""The PROXY protocol, versions 1 and 2: whom a proxy connects for, told in front of the connection's own bytes.

Lives here: collecting one header, within bounds, and what it says. Its bytes are decoded by the library
``proxy-protocol``, which is loaded only where there is a proxy. Does not live here: which addresses are proxies
(core/ip_networks.py), the connection (proxy_handshake.py). No I/O. Source: HAProxy's proxy-protocol.txt.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"

MAX_V1 = 107
"""Bytes of a header of version 1, CRLF included: what its specification allows."""

MAX_V2 = 4096
"""Bytes of one of version 2. Its addresses need 52; the rest are what a proxy adds, such as a client's certificate."""

_V2_FIXED = struct.Struct("!12sBBH")

Endpoint = tuple[str, int]
"""An IP address and a port."""


class ProxyHeaderError(ValueError):
    """These bytes are no PROXY header."""


class NoProxyHeader(ProxyHeaderError):
    """They do not even begin like one: somebody else speaks here."""


class Proxied(NamedTuple):
    """What a header says. Both None: the proxy connects for itself, as to check health, or does not know for whom."""

    source: Endpoint | None = None
    """The client's own end."""
    reached: Endpoint | None = None
    """The end that it reached: the proxy's."""


class ProxyHeader:
    """Collects the first bytes of one connection. Any split of the same bytes means the same."""

    def __init__(self) -> None:
        """Start with none."""
        self._data = b""

    def feed(self, data: bytes) -> tuple[Proxied, bytes] | None:
        """Take bytes; return what the header says and the bytes behind it, or None as long as it is not whole.

        Raises:
            NoProxyHeader: the connection does not begin with one; ``bytes_so_far`` has what came.
            ProxyHeaderError: it is one that can't be read, or too long.
        """
        self._data += data
        length = _length(self._data)
        if length is None or len(self._data) < length:
            return None
        return _decode(self._data[:length]), self._data[length:]

    @property
    def bytes_so_far(self) -> bytes:
        """All that was fed."""
        return self._data


def _length(data: bytes) -> int | None:
    """Return the length of the header that ``data`` begins with; None while it can't be told."""
    if _V2.startswith(data[: len(_V2)]):
        return _length_of_v2(data)
    if not _V1.startswith(data[: len(_V1)]):
        raise NoProxyHeader("it does not begin with a PROXY header")
    end = data.find(b"\n", 0, MAX_V1)
    if end < 0 and len(data) >= MAX_V1:
        raise ProxyHeaderError(f"a PROXY header of over {MAX_V1} bytes")
    return end + 1 if end >= 0 else None


def _length_of_v2(data: bytes) -> int | None:
    if len(data) < _V2_FIXED.size:
        return None
    _, _, _, rest = _V2_FIXED.unpack_from(data)
    if _V2_FIXED.size + rest > MAX_V2:
        raise ProxyHeaderError(f"a PROXY header of over {MAX_V2} bytes")
    return _V2_FIXED.size + int(rest)


def _decode(header: bytes) -> Proxied:
    from proxyprotocol.result import is_ipv4, is_ipv6
    from proxyprotocol.v1 import ProxyProtocolV1
    from proxyprotocol.v2 import ProxyProtocolV2

    try:
        found = (ProxyProtocolV1() if header.startswith(_V1) else ProxyProtocolV2()).unpack(header)
    except (ValueError, struct.error) as error:  # the second one: addresses that are cut off
        raise ProxyHeaderError(f"a PROXY header that can't be read: {error}") from None
    if is_ipv4(found) or is_ipv6(found):
        return Proxied(_plain(found.source), _plain(found.dest))
    return Proxied()  # of a unix socket, too: that client is on the proxy's machine


def _plain(end: tuple[object, int]) -> Endpoint:
    return str(end[0]), end[1]
