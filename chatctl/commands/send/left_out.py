"""The lines of ``--lines`` that can't be said: told as they come, and counted for the end."""

from __future__ import annotations

from chatctl.cli.output import warn
from chatctl.errors import Rejected

MAX_TOLD = 10
"""Lines that are told one by one: a binary file has thousands."""


class LeftOut:
    """Counts the lines that were not said."""

    def __init__(self) -> None:
        """Start with none."""
        self._count = 0

    def add(self, why: str) -> None:
        """Count a line, and tell why it was not sent."""
        self._count += 1
        if self._count <= MAX_TOLD:
            warn(why)
        if self._count == MAX_TOLD:
            warn("further lines that can't be sent are only counted")

    def check(self) -> None:
        """Raise Rejected if there was any."""
        if self._count:
            raise Rejected(f"{self._count} line{'s were' if self._count > 1 else ' was'} not sent; the others were")
