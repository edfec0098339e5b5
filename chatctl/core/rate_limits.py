"""The rate limits of one connection. No clock: ``now`` is any monotonic time in seconds.

Does not live here: the bucket (token_bucket.py), which frames count (permissions.py), the rate of new connections
(connection_throttle.py).
"""

from __future__ import annotations

from chatctl.core.limits import ServerLimits
from chatctl.core.token_bucket import TokenBucket


class RateLimits:
    """How many messages and bytes a connection may send now."""

    def __init__(self, limits: ServerLimits, now: float, shared: TokenBucket | None) -> None:
        """Start with full buckets; ``shared`` holds the bytes that all connections of its address may send."""
        self._messages = TokenBucket(limits.rate, limits.burst, now)
        self._bytes = TokenBucket(limits.bytes_per_second if limits.rate else 0, limits.bytes_per_second, now)
        self.share(shared, now)

    def share(self, shared: TokenBucket | None, now: float) -> None:
        """Share bytes with the connections of another address from now on, or with nobody."""
        self._shared = shared if shared is not None else TokenBucket(0, 0, now)

    def ready_at(self, now: float) -> float:
        """Return the time from which on a line may be taken: ``now`` if at once."""
        return max(self._messages.ready_at(now), self._bytes.ready_at(now), self._shared.ready_at(now))

    def take_line(self, line: bytes, now: float) -> None:
        """Count the bytes of a line, its LF too."""
        self._bytes.take(len(line) + 1, now)
        self._shared.take(len(line) + 1, now)

    def take_message(self, now: float) -> None:
        """Count a message."""
        self._messages.take(1, now)
