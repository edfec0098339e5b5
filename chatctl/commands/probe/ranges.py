"""Threshold ranges of the monitoring plugins: ``10``, ``10:``, ``~:10``, ``10:20``, ``@10:20``.

Source: Monitoring Plugins Development Guidelines, "Threshold and Ranges".
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """A threshold range as monitoring plugins write it in ``text``: a value outside alerts, with ``@`` one inside."""

    text: str
    least: float
    most: float
    inside: bool = False

    def alerts(self, value: float) -> bool:
        """Return whether this value violates the threshold."""
        return (self.least <= value <= self.most) is self.inside


_SHAPE = re.compile(r"(@)?(?:(~|-?\d{1,9}(?:\.\d{1,9})?)?(:))?(-?\d{1,9}(?:\.\d{1,9})?)?", re.ASCII)


def parse_range(value: object) -> Range:
    """Return the range that ``value`` stands for; a number from a configuration file is one too.

    Raises:
        ValueError: it is not valid; the text says why.
    """
    if isinstance(value, Range):
        return value
    text = str(value)
    match = _SHAPE.fullmatch(text)
    if match is None or not (match[4] or (match[3] and match[2])):
        raise ValueError(f"{text!r} is not a range: write 10, 10:, ~:10, 10:20 or @10:20")
    least = float("-inf") if match[2] == "~" else float(match[2] or 0)
    most = float(match[4]) if match[4] else float("inf")
    if least > most:
        raise ValueError(f"{text!r} is not a range: its start is over its end")
    return Range(text, least, most, inside=match[1] is not None)


def at_most(seconds: float) -> Range:
    """Return the range of an upper limit: a longer duration alerts."""
    return Range(plain(seconds), 0.0, seconds)


def at_least(value: float) -> Range:
    """Return the range of a lower limit: a smaller value alerts."""
    return Range(f"{plain(value)}:", value, float("inf"))


def plain(value: float) -> str:
    """Return a number without an exponent and without trailing zeros: at most six decimals."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
