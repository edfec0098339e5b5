"""Reading ``--since``: an entry's number, a time, or how long ago. A time without a zone is a local one."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from datetime import time as clock_time

from chatctl.client.seek import Since

DIGITS = 15
"""Of the longest number of an entry: JSON readers hold 2**53 exactly."""


def parse_since(value: str, duration: Callable[[str], float | None], now: float | None = None) -> Since:
    """Read a value of ``--since``.

    Args:
        value: what was given.
        duration: gives a duration's seconds, None for what is none.
        now: Unix seconds.

    Raises:
        ValueError: it is none of these; the text says what they look like.
    """
    now = time.time() if now is None else now
    try:
        if value.isascii() and value.isdecimal():
            return Since(seq=_number(value))
        seconds = duration(value)
        return Since(time=now - seconds if seconds is not None else _moment(value, now))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{value!r} is no place in a log: write 1234, 10m, 14:30 or 2026-08-01T14:30") from None


def _number(value: str) -> int:
    if len(value) > DIGITS:
        raise ValueError("no log is so long")
    return int(value)


def _moment(value: str, now: float) -> float:
    """Give Unix seconds. A time of day is the last one that was."""
    try:
        of_day = clock_time.fromisoformat(value)
    except ValueError:
        return datetime.fromisoformat(value).timestamp()
    here = datetime.fromtimestamp(now, of_day.tzinfo)
    moment = datetime.combine(here.date(), of_day)
    if moment.timestamp() > now:
        moment = datetime.combine(here.date() - timedelta(days=1), of_day)
    return moment.timestamp()
