"""How much of a long message is shown at once: it must not push everything else off the screen.

Lives here: where it is cut, and what was cut, for ``/show``. Does not live here: how it looks (render.py). No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SHOWN_LINES = 12
SHOWN_CHARS = 16_384
"""Four times what a message may have by default: below that, one without line ends is a line of the terminal, whole."""

KEPT = 100
"""Messages that ``/show`` has at hand; of older ones the server is asked."""


class Folded(NamedTuple):
    """A message that is too long."""

    shown: str
    left_out: str
    """How much is not shown, in words."""


def fold(text: str) -> Folded | None:
    """Return what is shown of a text, None for all of it. A cut that would leave out a single line is not made."""
    lines = text.split("\n")
    shown = "\n".join(lines[:SHOWN_LINES]) if len(lines) > SHOWN_LINES + 1 else text
    if len(shown) > SHOWN_CHARS:
        return Folded(shown[:SHOWN_CHARS], f"{len(text) - SHOWN_CHARS:,} more characters")
    if shown != text:
        return Folded(shown, f"{len(lines) - SHOWN_LINES:,} more lines")
    return None


class Folds:
    """The last long messages, whole, by the name that ``/show`` takes."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[str, list[str]] = {}
        self._whispers = 0

    def keep(self, name: str, lines: list[str]) -> None:
        """Keep a message's lines; the oldest message goes if there are too many."""
        self._kept.pop(name, None)
        self._kept[name] = lines
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def drop(self, names: Iterable[str]) -> None:
        """Keep these no more."""
        for name in names:
            self._kept.pop(name, None)

    def name_whisper(self) -> str:
        """Return a name for a whisper, which has no number in the room."""
        self._whispers += 1
        return f"w{self._whispers}"

    def find(self, name: str) -> list[str] | None:
        """Return the lines that were kept."""
        return self._kept.get(name)
