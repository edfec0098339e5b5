"""Moments as people write them: a date, a time, or how long ago."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d|w)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_HOUR = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)


def parse_moment(text: str, now: float) -> float:
    """Give Unix seconds for ``10m`` or ``2d`` (ago), ``14:30`` (the last one), or an ISO date and time.

    Without a zone it is local time.

    Raises:
        ValueError: it is none of these.
    """
    if match := _AGO.fullmatch(text):
        return now - float(match[1]) * _SECONDS[match[2]]
    local = datetime.fromtimestamp(now).astimezone()
    if match := _HOUR.fullmatch(text):
        then = local.replace(hour=int(match[1]), minute=int(match[2]), second=int(match[3] or 0), microsecond=0)
        return (then if then.timestamp() <= now else then - timedelta(days=1)).timestamp()
    return datetime.fromisoformat(text).astimezone().timestamp()
