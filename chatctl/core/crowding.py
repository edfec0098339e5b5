"""Crowding: how many connections wait for their hello, as seen from one network.

Does not live here: how many of the newcomers are dropped then (connection_throttle.py).
"""

from __future__ import annotations

from collections import Counter


class Crowding:
    """Counts those who wait, by network, and lets a network that has many of them pay for that by itself."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._waiting: Counter[str] = Counter()
        self._networks: list[int] = []  # at index n: how many networks have more than n waiting

    def add(self, network: str) -> None:
        """Count one who waits."""
        before = self._waiting[network]
        self._waiting[network] += 1
        if before == len(self._networks):
            self._networks.append(0)
        self._networks[before] += 1

    def remove(self, network: str) -> None:
        """Count one less."""
        self._waiting[network] -= 1
        left = self._waiting[network]
        self._networks[left] -= 1
        if not left:
            del self._waiting[network]

    def seen_from(self, network: str) -> int:
        """Return how many wait, as if no network had more than this one will have with one more.

        So it is everybody for the most crowded network, and for one without anybody one for each other network.
        """
        return sum(self._networks[: self._waiting[network] + 1])
