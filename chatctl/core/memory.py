"""Memory: how much of it one server may use, and for what.

Lives here: the bound of each kind of use, and what is counted against it. Does not live here: holding to it. Rings
shrink (hub/history.py), answers and catch-ups wait (hub/large_answers.py), newcomers are refused (server/server.py),
connections are read from in smaller pieces or not sent more (server/connection.py). Source: docs/reliability.md,
"Memory".
"""

from __future__ import annotations

from collections.abc import Iterable

LEAST_SLICE = 4 * 1024
"""Bytes of the log that a reader is sent in one tick, however short memory is; at least one entry."""


class Share:
    """One kind of use: bytes that are ``used`` and the ``limit`` that they are held to."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        """Start with none in use."""
        self.limit = limit
        self.used = 0

    @property
    def is_full(self) -> bool:
        """Whether no more is to be taken."""
        return self.used >= self.limit

    def slice(self, takers: int, most: int) -> int:
        """Return how many bytes each of ``takers`` may be sent so that all of it fits: ``most`` if there is room."""
        return min(most, max(LEAST_SLICE, (self.limit - self.used) // max(1, takers)))


class Memory:
    """The shares of one server."""

    def __init__(self, limit: int) -> None:
        """Divide ``limit`` bytes."""
        self.limit = limit
        self.rings = Share(limit * 3 // 8)
        """Of all rooms: entries, and renderings for readers that lag."""
        self.connections = Share(limit // 4)
        """What each costs, let in or not: objects, a TLS state, an unfinished line."""
        self.output = Share(limit // 4)
        """Replies and slices of the log that the kernel has not taken, and pages that are being read."""
        self.input = Share(limit // 8)
        """Lines that wait for the rate, and messages that the journal has not committed."""


def level(sizes: Iterable[int], total: int) -> int:
    """Return the size to which the larger ones have to shrink, all to the same, for a sum of ``total`` at most."""
    rising = sorted(sizes)
    for done, size in enumerate(rising):
        fair = total // (len(rising) - done)
        if size > fair:
            return fair
        total -= size
    return rising[-1] if rising else total
