"""What a server is configured with; ``advertised`` is what it tells its clients of it.

Apart from ``protocol.Limits``, which is a part of the wire: an option of ``serve`` that concerns nobody else goes here
alone.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from chatctl.protocol import MAX_ID, MAX_LINE, MAX_TEXT, Limits


class ServerLimits(Struct, frozen=True):
    """The limits of one server. Each but ``nick_bytes``, ``id`` and ``ring_entries`` is an option of ``serve``."""

    line: int = MAX_LINE
    """Bytes of one line from a client, its LF not counted."""
    text: int = MAX_TEXT
    """Bytes of UTF-8 in one message."""
    nick: int = 32
    """Code points of a nickname."""
    nick_bytes: int = 64
    """Bytes of UTF-8 in a nickname."""
    id: int = MAX_ID
    """Characters of a message's ``id``."""
    hello_seconds: float = 10.0
    """Seconds from the accept to a valid hello, a TLS handshake included."""
    hello_bytes: int = 8 * 1024
    """Bytes that a client may send for that."""
    ping_seconds: float = 60.0
    """Seconds of silence before a ping; after two without an answer the connection is closed."""
    stall_seconds: float = 30.0
    """Seconds after which a connection is closed whose client reads nothing."""
    rate: float = 10.0
    """Messages a second of one connection, on average; 0 for no limit, on bytes neither."""
    burst: int = 30
    """Messages at once."""
    bytes_per_second: int = 64 * 1024
    """Bytes a second of one connection, and at once."""
    clients: int = 10_000
    """Connections."""
    per_address: int = 64
    """Connections from one address, or one /64 of IPv6; this machine's own are exempt."""
    out_buffer: int = 64 * 1024
    """Bytes that wait for a slow reader, and bytes of the log that a reader gets in one tick."""
    ring_entries: int = 100_000
    """Messages of one room in memory."""
    ring_bytes: int = 64 * 1024 * 1024
    """Bytes of one room's messages in memory."""
    backlog: int = 100
    """Messages of history on entering."""
    page: int = 1_000
    """Messages of one page of history."""
    connect_rate: float = 20.0
    """Connections a second from one address, on average; 0 for no limit."""
    greeting_start: int = 100
    """Connections not let in yet from which on newcomers are dropped at random."""
    greeting_percent: int = 30
    """Per cent of them that are dropped then."""
    greeting_full: int = 1_000
    """Connections not let in yet from which on all newcomers are dropped."""


def advertised(limits: ServerLimits) -> Limits:
    """Return the limits as a welcome carries them."""
    return msgspec.convert(limits, Limits, from_attributes=True)
