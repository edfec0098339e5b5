"""Throttling new connections: the random early drop, and the rate of each address.

Does not live here: how many there may be (connection_limits.py). No clock and no randomness: both are arguments.
"""

from __future__ import annotations

from chatctl.core.limits import ServerLimits
from chatctl.core.token_bucket import TokenBucket


def drop_early(waiting: int, limits: ServerLimits, chance: float) -> bool:
    """Decide whether a new connection is dropped at random, as sshd's MaxStartups does.

    From ``greeting_start`` waiting ones on ``greeting_percent`` of the new ones are, rising to all at
    ``greeting_full``: whoever opens many connections does not keep everybody else out.

    Args:
        waiting: connections that are not let in yet.
        limits: of the server.
        chance: drawn evenly from 0 up to 1.
    """
    if waiting < limits.greeting_start:
        return False
    if waiting >= limits.greeting_full:
        return True
    least = limits.greeting_percent / 100
    share = (waiting - limits.greeting_start) / (limits.greeting_full - limits.greeting_start)
    return chance < least + (1 - least) * share


class AddressThrottle:
    """Limits the rate at which each address connects."""

    def __init__(self, rate: float, burst: float) -> None:
        """Allow ``rate`` connections a second, ``burst`` at once; 0 allows all."""
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, address: str, now: float) -> float:
        """Count a connection; return the seconds until the address may try again, 0 if this one is allowed."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket(self._rate, self._burst, now)
        wait = bucket.ready_at(now) - now
        if wait <= 0:
            bucket.take(1, now)
        return max(0.0, wait)

    def forget(self, now: float) -> None:
        """Drop the addresses that have their whole burst again."""
        for address in [address for address, bucket in self._buckets.items() if bucket.is_full(now)]:
            del self._buckets[address]
