"""Turns: work that may come all at once, spread over iterations of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from chatctl.hub.tick import Loop


class Turns:
    """Does at most so many pieces of work in one iteration of the loop; the others wait, first come, first served."""

    def __init__(self, loop: Loop, most: int) -> None:
        """Start idle; ``most`` pieces in one iteration."""
        self._loop = loop
        self._most = most
        self._left = most
        self._waiting: dict[Hashable, Callable[[], None]] = {}
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> bool:
        """Count a piece that is done now; return False, and do not, if it has to ``wait``."""
        if self._left == 0 or self._waiting:
            return False
        self._left -= 1
        self._schedule()
        return True

    def wait(self, key: Hashable, work: Callable[[], None]) -> None:
        """Call ``work`` in a later iteration. One piece can wait for each key."""
        self._waiting[key] = work
        self._schedule()

    def drop(self, key: Hashable) -> None:
        """Forget the work that waits for this key, if there is any."""
        self._waiting.pop(key, None)

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._scheduled = False
        self._left = self._most
        while self._waiting and self._left:
            self._left -= 1
            self._schedule()
            self._waiting.pop(next(iter(self._waiting)))()
