"""Moments as people write and read them: a date, a time of day, or how long ago. Without a zone they are local ones."""

from __future__ import annotations

import re
import time

from chatctl.common.durations import parse_duration


def parse_moment(text: str, now: float) -> float:
    """Return the Unix seconds of ``10m`` (ago), ``14:30`` (the last one that was), or an ISO date and time.

    Args:
        text: what was written.
        now: Unix seconds.

    Raises:
        ValueError, OverflowError, OSError: ``text`` is in none of these forms, or the calendar ends before it.
    """
    from datetime import datetime, timedelta  # takes as long to import as the rest of this module
    from datetime import time as clock_time

    seconds = parse_duration(text)
    if seconds is not None:
        return now - seconds
    try:
        of_day = clock_time.fromisoformat(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
    here = datetime.fromtimestamp(now, of_day.tzinfo)
    moment = datetime.combine(here.date(), of_day)
    if moment.timestamp() > now:
        moment = datetime.combine(here.date() - timedelta(days=1), of_day)
    return moment.timestamp()


def local(form: str, seconds: float) -> str:
    """Return a Unix time in a form of ``strftime``; question marks if no calendar has it: a server may say anything."""
    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return re.sub(r"\w", "?", time.strftime(form, time.localtime(0)))
