"""How long deliveries took, counted in buckets: a run of millions needs no more memory than one of ten."""

from __future__ import annotations

from collections import Counter

_BITS = 7
"""Bits of a latency that are kept: a bucket is at most 1/128 of its value wide."""


class Latencies:
    """Latencies in nanoseconds, kept to within 0.8 %; the longest one exactly."""

    def __init__(self) -> None:
        """Hold none."""
        self._counts: Counter[int] = Counter()
        self.longest = 0

    def __len__(self) -> int:
        """How many there are."""
        return self._counts.total()

    def add(self, nanoseconds: int, times: int = 1) -> None:
        """Count one, or several of the same."""
        nanoseconds = max(nanoseconds, 0)
        self.longest = max(self.longest, nanoseconds)
        shift = max(0, nanoseconds.bit_length() - _BITS - 1)
        self._counts[shift << (_BITS + 1) | nanoseconds >> shift] += times

    def percentile(self, share: float) -> float:
        """Give the seconds that ``share`` percent do not exceed (nearest rank); 0 of none."""
        rank, seen = len(self) * share / 100, 0
        for key in sorted(self._counts):
            seen += self._counts[key]
            if seen >= rank:
                return min(self._top(key), self.longest) / 1e9
        return 0.0

    def doublings(self) -> list[tuple[float, int]]:
        """Give (seconds, how many were below it and not below half of it), from the shortest to the longest."""
        found: Counter[int] = Counter()
        for key, count in self._counts.items():
            found[(self._top(key) // 1000).bit_length()] += count
        return [(2**power / 1e6, found[power]) for power in range(min(found), max(found) + 1)] if found else []

    @staticmethod
    def _top(key: int) -> int:
        shift, kept = key >> (_BITS + 1), key & (1 << _BITS + 1) - 1
        return ((kept + 1) << shift) - 1
