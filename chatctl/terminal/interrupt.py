"""Ctrl-C at the prompt: the first one clears the line, a second one soon after it leaves.

Lives here: which one it is. No clock: times are arguments.
"""

from __future__ import annotations

from math import inf

AGAIN_SECONDS = 2.0
"""A second Ctrl-C within this time leaves."""


class Interrupt:
    """Counts them."""

    def __init__(self) -> None:
        """Start with none."""
        self._at = -inf

    def leaves(self, now: float, *, cleared: bool) -> bool:
        """Take note of a Ctrl-C. Return whether it is the second one, and not one that has ``cleared`` the line."""
        second, self._at = self.announced(now), now
        return second and not cleared

    def announced(self, now: float) -> bool:
        """Return whether the prompt has to say what another one would do."""
        return now - self._at < AGAIN_SECONDS
