"""Moments as people write and read them: a date, a time of day, or how long ago. Without a zone they are local ones."""

from __future__ import annotations

import re
import time

from chatctl.common.durations import parse_duration


def parse_moment(text: str, now: float) -> float:
    """Return the Unix seconds of a moment that a person or a script wrote.

    These are ``1h30m`` (ago), ``14:30`` (the last one that was), ``yesterday`` and ``today`` (their first moment), ISO
    dates and times, ``20261025`` too, and Unix seconds behind ``@``, as ``date -d`` takes them.

    Args:
        text: what was written.
        now: Unix seconds.

    Raises:
        ValueError, OverflowError, OSError: ``text`` is in none of these forms, or the calendar ends before it.
    """
    from datetime import date, datetime, timedelta  # takes as long to import as the rest of this module
    from datetime import time as clock_time

    if re.fullmatch(r"@\d{1,12}(\.\d{1,9})?", text, re.ASCII):
        return float(text[1:])
    today = date.fromtimestamp(now)
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    if text in days:
        return datetime.combine(days[text], clock_time()).timestamp()
    if is_date(text):
        return datetime.fromisoformat(text).timestamp()
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


def is_date(digits: str) -> bool:
    """Return whether eight digits are a date of these two centuries, as ``date +%Y%m%d`` prints it."""
    from datetime import date

    if not re.fullmatch(r"(19|20)\d{6}", digits, re.ASCII):
        return False
    try:
        date.fromisoformat(digits)
    except ValueError:
        return False
    return True


def local(form: str, seconds: float) -> str:
    """Return a Unix time in a form of ``strftime``; question marks if no calendar has it: a server may say anything."""
    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return re.sub(r"\w", "?", time.strftime(form, time.localtime(0)))
