"""What the senders have heard so far, all together: what a tormentor waits for."""

from __future__ import annotations

import threading
from collections import Counter


class News:
    """Counts of ``ack`` and ``refused``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def note(self, kind: str) -> None:
        with self._changed:
            self._counts[kind] += 1
            self._changed.notify_all()

    def count(self, kind: str) -> int:
        with self._changed:
            return self._counts[kind]

    def wait_for(self, kind: str, more: int, seconds: float) -> bool:
        """Wait until there are so many more than now."""
        with self._changed:
            wanted = self._counts[kind] + more
            return self._changed.wait_for(lambda: self._counts[kind] >= wanted, seconds)
