"""The type of ``--since``: an entry's number, a time, or how long ago. A time without a zone is a local one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chatctl.client.requests import Since

DIGITS = 15
"""Of the longest entry number: JSON readers hold 2**53 exactly."""


class SinceType(click.ParamType["Since"]):
    """``1234``, ``10m``, ``14:30`` or ``2026-08-01T14:30``."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Since:
        """Return where to start."""
        try:
            return parse_since(str(value), time.time())
        except ValueError as error:
            self.fail(str(error), param, ctx)


def parse_since(value: str, now: float) -> Since:
    """Parse a value of ``--since``.

    Args:
        value: what was given.
        now: Unix seconds.

    Raises:
        ValueError: it is not valid; the text says which forms are.
    """
    from chatctl.client.requests import Since
    from chatctl.common.times import parse_moment

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
