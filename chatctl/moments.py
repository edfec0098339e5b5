"""Moments as people write them: a date, a time of day, or how long ago. Without a zone they are local ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from datetime import time as clock_time


def parse_moment(value: str, duration: Callable[[str], float | None], now: float) -> float:
    """Give Unix seconds for ``10m`` (ago), ``14:30`` (the last one that was), or an ISO date and time.

    Args:
        value: what was written.
        duration: gives a duration's seconds, None for what is none.
        now: Unix seconds.

    Raises:
        ValueError, OverflowError, OSError: it is none of these, or out of the calendar.
    """
    seconds = duration(value)
    if seconds is not None:
        return now - seconds
    try:
        of_day = clock_time.fromisoformat(value)
    except ValueError:
        return datetime.fromisoformat(value).timestamp()
    here = datetime.fromtimestamp(now, of_day.tzinfo)
    moment = datetime.combine(here.date(), of_day)
    if moment.timestamp() > now:
        moment = datetime.combine(here.date() - timedelta(days=1), of_day)
    return moment.timestamp()
