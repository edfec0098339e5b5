"""Whom whispers go to: the one that ``/query`` names, and the one that whispered last.

Lives here: these two names, across changes of nickname. Does not live here: sending (controller.py).
"""

from __future__ import annotations

from chatctl.common.names import fold_any


class Whispering:
    """Of one room."""

    def __init__(self) -> None:
        """Begin with the room as a whole, and with nobody to answer."""
        self.addressee = ""
        """Who alone is told what is typed; empty: the room."""
        self.last_from = ""
        """Who whispered last; empty: nobody."""

    def renamed(self, old: str, new: str) -> None:
        """Follow a member who is called otherwise from now on."""
        folded = fold_any(old)
        if fold_any(self.addressee) == folded:
            self.addressee = new
        if fold_any(self.last_from) == folded:
            self.last_from = new
