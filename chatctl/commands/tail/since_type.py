"""The value of ``--since``: an entry's number, a time, or how long ago. A time without a zone is a local one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatctl.client.requests import Since

DIGITS = 15
"""Of the longest entry number: JSON readers hold 2**53 exactly."""


def parse_since(value: object, now: float | None = None) -> Since:
    """Return where to start: ``1234``, ``10m``, ``14:30`` or ``2026-08-01T14:30``.

    Args:
        value: what was given.
        now: Unix seconds; None for the clock's.

    Raises:
        ValueError: it is not valid; the text says which forms are.
    """
    from chatctl.client.requests import Since
    from chatctl.common.times import parse_moment

    text = str(value)
    try:
        if text.isascii() and text.isdecimal():
            if len(text) > DIGITS:
                raise ValueError("no log is so long")
            return Since(seq=int(text))
        return Since(time=parse_moment(text, time.time() if now is None else now))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no place in a log: write 1234, 10m, 14:30 or 2026-08-01T14:30") from None
