"""How long to wait before the next try."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_SECONDS = 0.5
MAX_SECONDS = 30.0


def backoff(attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Give the seconds before try number ``attempt`` (0 up): doubling, at most 30, each between half and whole.

    The spread keeps those whom one fault cut off from all coming back in the same moment.
    """
    most = min(MAX_SECONDS, FIRST_SECONDS * 2.0 ** min(attempt, 16))
    return most * (0.5 + 0.5 * chance())
