"""What a server is configured with; ``advertised`` is what it tells its clients of it.

A type apart from ``protocol.Limits``, which is a part of the wire: an option of ``serve`` that concerns nobody else is
a field here alone.
"""

from __future__ import annotations

import msgspec

from chatctl.protocol import LimitFields, Limits


class ServerLimits(LimitFields, frozen=True):
    """The limits of one server. Each but ``nick_bytes`` and ``id`` is an option of ``serve``."""

    memory: int = 1 << 30
    """Bytes of all rooms and connections together (memory.py)."""


def advertised(limits: ServerLimits) -> Limits:
    """Return the limits as a welcome carries them."""
    return msgspec.convert(limits, Limits, from_attributes=True)
