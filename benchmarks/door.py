"""Who is let in while many connections are opened that say nothing: ``python benchmarks/door.py``.

Each address opens as many as it may, as often as it may (20 a second, 64 at once), and says nothing until its time is
up. Meanwhile newcomers come from elsewhere, ten a second, who are let in after 50 ms. The clock is made up: it is the
rule that is measured, not this machine. ``alone`` is the same rule without networks: a newcomer sees everybody.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

from chatctl.core.connection_limits import ConnectionLimits
from chatctl.core.connection_throttle import drop_early
from chatctl.core.limits import ServerLimits

SECONDS, WARM = 60.0, 20.0


@dataclass(eq=False)
class Connection:
    """One of them; ``network`` is what counts for it."""

    network: str


class Alone(ConnectionLimits):
    """The rule as it was."""

    def is_crowded(self, network: str) -> bool:
        """Return whether a newcomer is dropped, whoever it is that waits."""
        return drop_early(len(self._waiting), self._limits, self._chance())


def kept_out(limits: ConnectionLimits, flood: Sequence[str], limit: ServerLimits) -> tuple[float, int]:
    """Return the share of newcomers who were dropped, and the most connections that waited at once."""
    events: list[tuple[float, int, str, Connection]] = []
    for number, network in enumerate(flood):
        heapq.heappush(events, (number / 1000, number, "flood", Connection(network)))
    for number in range(int(SECONDS * 10)):
        newcomer = Connection(f"192.0.2.{number % 250}")
        heapq.heappush(events, (number / 10, len(flood) + number, "newcomer", newcomer))
    came = dropped = most = 0
    serial = len(events)
    while events and events[0][0] < SECONDS:
        now, _, what, one = heapq.heappop(events)
        serial += 1
        if what == "gone":
            limits.remove(one)
            continue
        out = limits.is_crowded(one.network) or limits.add(one, now) is not None
        most = max(most, len(limits._waiting))  # noqa: SLF001 — nothing else tells
        if what == "newcomer":
            came += now > WARM
            dropped += out and now > WARM
        else:
            again = Connection(one.network)
            heapq.heappush(events, (now + 1 / limit.connect_rate, serial + 10_000_000, "flood", again))
        stays = 0.05 if what == "newcomer" or out else limit.hello_seconds
        heapq.heappush(events, (now + stays, serial, "gone", one))
    return dropped / came, most


def main() -> None:
    """Print a table."""
    floods = {
        "16 addresses": [f"203.0.113.{number}" for number in range(16)],
        "16 addresses of 16 networks": [f"10.{number}.0.1" for number in range(16)],
        "99 addresses of 99 networks": [f"10.{number}.0.1" for number in range(99)],
        "1,000 /64 of one /48": [f"2001:db8:0:{number:x}::/64" for number in range(1000)],
        "200 addresses of 200 networks": [f"10.{number}.0.1" for number in range(200)],
        "1,000 addresses of 1,000 networks": [f"10.{number // 250}.{number % 250}.1" for number in range(1000)],
    }
    limit = ServerLimits()
    print(f"{'flood from':36} {'newcomers kept out':>18} {'alone':>6}  {'waiting, at most':>16}")
    for name, flood in floods.items():
        now, most = kept_out(ConnectionLimits(limit, random.Random(1).random), flood, limit)
        alone, _ = kept_out(Alone(limit, random.Random(1).random), flood, limit)
        print(f"{name:36} {now:18.0%} {alone:6.0%}  {most:16}")


if __name__ == "__main__":
    main()
