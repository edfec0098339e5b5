"""What is measured: how long deliveries took, and the CPU and memory of a process."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chatctl.errors import ChatError

_BITS = 7
"""Bits of a latency that are kept: the width of a bucket is at most 1/128 of its value."""


class Latencies:
    """Latencies counted in buckets, so that a run of millions needs no more memory than one of ten.

    In nanoseconds, kept to within 0.8 %; the longest one is exact.
    """

    def __init__(self) -> None:
        """Start without any."""
        self._counts: Counter[int] = Counter()
        self.longest = 0

    def __len__(self) -> int:
        """Return how many were added."""
        return self._counts.total()

    def add(self, nanoseconds: int, times: int = 1) -> None:
        """Add one latency, or several of the same."""
        nanoseconds = max(nanoseconds, 0)
        self.longest = max(self.longest, nanoseconds)
        shift = max(0, nanoseconds.bit_length() - _BITS - 1)
        self._counts[shift << (_BITS + 1) | nanoseconds >> shift] += times

    def percentile(self, percent: float) -> float:
        """Return the latency, in seconds, that ``percent`` of all do not exceed (nearest rank); 0 if there are none."""
        rank, seen = len(self) * percent / 100, 0
        for key in sorted(self._counts):
            seen += self._counts[key]
            if seen >= rank:
                return min(self._upper_bound(key), self.longest) / 1e9
        return 0.0

    def doublings(self) -> list[tuple[float, int]]:
        """Return (seconds, number of latencies below them and not below half of them), the shortest first."""
        found: Counter[int] = Counter()
        for key, count in self._counts.items():
            found[(self._upper_bound(key) // 1000).bit_length()] += count
        return [(2**power / 1e6, found[power]) for power in range(min(found), max(found) + 1)] if found else []

    @staticmethod
    def _upper_bound(key: int) -> int:
        shift, kept = key >> (_BITS + 1), key & (1 << _BITS + 1) - 1
        return ((kept + 1) << shift) - 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process uses."""

    cpu: float
    """CPU seconds so far, user and system, of all threads."""
    resident: int
    """Resident bytes now."""


def usage_of(pid: int) -> Usage:
    """Return what process ``pid`` uses. Linux only. Raises ChatError if there is none that we may look at."""
    clock = ~pid << 3 | 2  # as clock_getcpuclockid(3): it counts nanoseconds; /proc/PID/stat counts ticks of 10 ms
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        cpu = time.clock_gettime(clock)
    except OSError:
        raise ChatError(f"there is no process {pid} to be seen here") from None
    return Usage(cpu, pages * os.sysconf("SC_PAGE_SIZE"))
