"""Throttling new connections: the random early drop, and the rate of each address.

Does not live here: how many there may be (connection_limits.py). No clock and no randomness: both are arguments.
"""

from __future__ import annotations

from chatctl.core.limits import ServerLimits
from chatctl.core.token_bucket import TokenBucket


def drop_early(waiting: int, limits: ServerLimits, chance: float) -> bool:
    """Decide whether a new connection is dropped at random, as sshd's MaxStartups does.

    From ``greeting_start`` waiting ones on ``greeting_percent`` of the new ones are, rising to all at
    ``greeting_full``.

    Args:
        waiting: connections that are not let in yet, as its network sees them (crowding.py): whoever opens many does
            not keep everybody else out.
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


MAX_ADDRESSES = 10_000
"""Addresses that are remembered. With more of them the oldest is forgotten: memory is bounded."""


class AddressThrottle:
    """Limits the rate at which each address does something, such as to connect."""

    def __init__(self, rate: float, burst: float) -> None:
        """Allow it ``rate`` times a second, ``burst`` times at once; 0 allows all."""
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, address: str, now: float) -> float:
        """Count a try, unless it is refused; return the seconds until the address may try again, 0 if it is allowed."""
        if not self._rate:
            return 0.0
        if wait := self.ready_in(address, now):
            return wait
        if address not in self._buckets:
            self._buckets[address] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > MAX_ADDRESSES:
                del self._buckets[next(iter(self._buckets))]
        self._buckets[address].take(1, now)
        return 0.0

    def ready_in(self, address: str, now: float) -> float:
        """Return the seconds until the address may try, 0 if it may at once; count nothing."""
        bucket = self._buckets.get(address)
        return max(0.0, bucket.ready_at(now) - now) if bucket is not None else 0.0

    def forget(self, now: float) -> None:
        """Drop the addresses that have their whole burst again."""
        for address in [address for address, bucket in self._buckets.items() if bucket.is_full(now)]:
            del self._buckets[address]
