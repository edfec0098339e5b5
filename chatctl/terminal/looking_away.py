"""Whether the user looks elsewhere: the window has lost the keyboard's focus, as far as the terminal tells.

Lives here: that what comes then is told apart once. Does not live here: the terminal's reports (key_parser.py), the
line (room_screen.py).
"""

from __future__ import annotations


class LookingAway:
    """Begins with a user who looks here: a terminal that never tells changes nothing."""

    def __init__(self) -> None:
        """Wait for what the terminal tells."""
        self._unmarked = False

    def focused(self, focused: bool) -> None:
        """Note that the window has the focus, or has lost it: call it when that changes."""
        self._unmarked = not focused

    def first_unread(self) -> bool:
        """Return whether the user has looked away and nothing was marked since; what is shown now is, then."""
        unmarked, self._unmarked = self._unmarked, False
        return unmarked
