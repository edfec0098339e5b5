"""The crowd at the door: connections that came in from elsewhere and were not let in yet, and how fast they come.

Lives here: whether one more may wait, and whether its address comes too fast. Does not live here: closing it
(server.py). No clock and no chance: both come in as arguments.
"""

from __future__ import annotations

from chatctl.core.limits import ServerLimits
from chatctl.core.token_bucket import TokenBucket


def drop_early(waiting: int, limits: ServerLimits, chance: float) -> bool:
    """Tell whether a newcomer is dropped at random, as sshd's MaxStartups does.

    From ``greeting_start`` on ``greeting_percent`` of the newcomers are, rising to all of them at ``greeting_full``:
    somebody who fills the door does not keep everybody else out.

    Args:
        waiting: how many wait already.
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
    """How fast each address may connect. One that did not come for a while is forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        """Allow ``rate`` connections a second, ``burst`` at once; 0 allows all."""
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, address: str, now: float) -> float:
        """Count a connection; give the seconds after which the next try is welcome, 0 if this one is."""
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
        """Forget who could come with all of its burst again."""
        for address in [address for address, bucket in self._buckets.items() if bucket.is_full(now)]:
            del self._buckets[address]
