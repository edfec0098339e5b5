"""The value of ``--since``: an entry's number, or a moment as ``common/times.py`` reads it.

Digits are a number, but for eight that are a date: nobody can tell ``$(date +%s)`` from a number here, so find_start
refuses what is far beyond the log's end.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatctl.client.requests import Since

DIGITS = 15
"""Of the longest entry number: JSON readers hold 2**53 exactly."""


def parse_since(value: object, now: float | None = None) -> Since:
    """Return where to start: ``1234``, ``1h30m``, ``14:30``, ``yesterday``, ``20260801``, ``@1785592800``.

    Args:
        value: what was given.
        now: Unix seconds; None for the clock's.

    Raises:
        ValueError: it is not valid; the text says which forms are.
    """
    from chatctl.client.requests import Since
    from chatctl.common.times import is_date, parse_moment

    text = str(value)
    try:
        if text.isascii() and text.isdecimal() and not is_date(text):
            if len(text) > DIGITS:
                raise ValueError("no log is so long")
            return Since(seq=int(text))
        return Since(time=parse_moment(text, time.time() if now is None else now))
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is not a place in a log: write 1234, 10m, 14:30, 2026-08-01T14:30 or @UNIX"
        ) from None
