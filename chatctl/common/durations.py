"""Durations as people write and read them."""

from __future__ import annotations

import re

LONGEST_DURATION = 1e9
"""Seconds: thirty years. Clocks and sockets have an end, too."""

_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PARTS = "".join(rf"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _SECONDS)
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_MOST_DAYS = 999


def parse_duration(text: str, *, bare: bool = True) -> float | None:
    """Return the seconds of ``300ms``, ``5s``, ``1.5m``, ``1h30m``, ``1d`` or ``2w``.

    Args:
        text: what was written.
        bare: take a number without a unit, too; it is seconds.

    Returns:
        Seconds under ``LONGEST_DURATION``; None if the text is no such duration.
    """
    if bare and re.fullmatch(_NUMBER, text, re.ASCII):
        text += "s"
    match = re.fullmatch(_PARTS, text, re.ASCII)
    if match is None or not text:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for unit, number in match.groupdict().items() if number)
    return seconds if seconds < LONGEST_DURATION else None


def span(seconds: float, parts: int = 2) -> str:
    """Return a duration, rounded down, in its largest unit and those below it: ``5 min 3 s``, ``1 d 0 h``.

    Args:
        seconds: any number; more than 999 days are 999 days.
        parts: how many units at most.
    """
    whole = min(max(seconds, 0), _MOST_DAYS * 86_400)  # a server may say anything
    return " ".join(f"{count} {unit}" for count, unit in _in_units(int(whole))[:parts])


def short_span(seconds: float) -> str:
    """Return a duration in two units at most, rounded: ``2h``, ``1h 59m``, ``30s``; at least ``1s``."""
    found = [f"{count}{unit[0]}" for count, unit in _in_units(max(1, round(seconds))) if count]
    return " ".join(found[:2])


def _in_units(left: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or found or size == 1:
            found.append((count, unit))
    return found
