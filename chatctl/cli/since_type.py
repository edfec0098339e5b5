"""Reading ``--since``: an entry's number, a time, or how long ago. A time without a zone is a local one."""

from __future__ import annotations

import time

from chatctl.client.requests import Since
from chatctl.common.times import parse_moment

DIGITS = 15
"""Of the longest number of an entry: JSON readers hold 2**53 exactly."""


def parse_since(value: str, now: float | None = None) -> Since:
    """Read a value of ``--since``.

    Args:
        value: what was given.
        now: Unix seconds.

    Raises:
        ValueError: it is none of these; the text says what they look like.
    """
    now = time.time() if now is None else now
    try:
        if value.isascii() and value.isdecimal():
            return Since(seq=_number(value))
        return Since(time=parse_moment(value, now))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{value!r} is no place in a log: write 1234, 10m, 14:30 or 2026-08-01T14:30") from None


def _number(value: str) -> int:
    if len(value) > DIGITS:
        raise ValueError("no log is so long")
    return int(value)
