"""What the terminal reports of columns: its last one at the time of a paint, the cursor's, the width of texts.

Lives here: which report answers which question, and the widths that are known. Does not live here: how it is asked
(prompt_renderer.py), how a report is read (key_parser.py). No I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

MAX_KNOWN = 500
"""Texts whose width is remembered: some screens full."""


class _Asked(Enum):
    """What is asked for but the width of a text."""

    COLUMNS = auto()
    PLACE = auto()


class WidthReports:
    """Questions to the terminal, which it answers in order."""

    def __init__(self) -> None:
        """Begin with nothing asked and nothing known."""
        self._asked: deque[str | _Asked] = deque()
        self._columns = 0
        self._place = 0
        self.on_place: Callable[[], None] | None = None
        """Is called when it is known where the cursor is."""
        self._widths: dict[str, int] = {}

    def ask_columns(self) -> None:
        """Take note that the terminal is asked for its last column."""
        self._columns = 0
        self._asked.append(_Asked.COLUMNS)

    def ask_place(self) -> None:
        """Take note that the terminal is asked where the cursor is."""
        self._place = 0
        self._asked.append(_Asked.PLACE)

    def ask_width(self, text: str) -> bool:
        """Return whether the terminal has to be asked how wide it draws ``text``, and take note if so."""
        asks = self.width(text) is None and text not in self._asked
        if asks:
            self._asked.append(text)
        return asks

    def reported(self, column: int) -> None:
        """Take the next answer: the column of the cursor, from one on."""
        asked = self._asked.popleft() if self._asked else _Asked.COLUMNS
        if asked is _Asked.COLUMNS:
            self._columns = column
        elif asked is _Asked.PLACE:
            self._place = column
            if self.place and self.on_place is not None:
                self.on_place()
        else:
            self._widths[str(asked)] = column - 1
            if len(self._widths) > MAX_KNOWN:
                del self._widths[next(iter(self._widths))]

    @property
    def due(self) -> bool:
        """Whether the terminal has still to answer."""
        return bool(self._asked)

    @property
    def columns(self) -> int:
        """The terminal's width when it took the last paint; 0 before it has answered."""
        return 0 if self._asked else self._columns

    @property
    def place(self) -> int:
        """The cursor's column, from one on, as it was last asked for; 0 if that is not known."""
        return 0 if _Asked.PLACE in self._asked else self._place

    def width(self, text: str) -> int | None:
        """Return how many columns ``text`` takes in this terminal, at least; None if that is not known."""
        return len(text) if text.isascii() else self._widths.get(text)

    def forget(self) -> None:
        """Expect no answer any more: another program has had the terminal."""
        self._asked.clear()
        self._columns = self._place = 0
