"""The clock of deadlines: the monotonic one, which asyncio's loop counts by, too."""

from __future__ import annotations

import time

from chatctl.client.core.deadline import Deadline


def now() -> float:
    """Return the time in seconds."""
    return time.monotonic()


def deadline_in(seconds: float | None) -> Deadline:
    """Return the deadline ``seconds`` from now; None means never."""
    return Deadline.after(seconds, now)
