"""What the terminal reports of widths: its own at the time of a paint, and that of texts, as it draws them.

Lives here: which report answers which question, and the widths that are known. Does not live here: how it is asked
(prompt_renderer.py), how a report is read (key_parser.py). No I/O.
"""

from __future__ import annotations

from collections import deque

MAX_KNOWN = 500
"""Texts whose width is remembered: some screens full."""


class WidthReports:
    """Questions to the terminal, which it answers in order."""

    def __init__(self) -> None:
        """Begin with nothing asked and nothing known."""
        self._asked: deque[str | None] = deque()
        self._columns = 0
        self._widths: dict[str, int] = {}

    def ask_columns(self) -> None:
        """Take note that the terminal is asked for its last column."""
        self._columns = 0
        self._asked.append(None)

    def ask_width(self, text: str) -> bool:
        """Return whether the terminal has to be asked how wide it draws ``text``, and take note if so."""
        asks = self.width(text) is None and text not in self._asked
        if asks:
            self._asked.append(text)
        return asks

    def reported(self, column: int) -> None:
        """Take the next answer: the column of the cursor, from one on."""
        text = self._asked.popleft() if self._asked else None
        if text is None:
            self._columns = column
            return
        self._widths[text] = column - 1
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

    def width(self, text: str) -> int | None:
        """Return how many columns ``text`` takes in this terminal, at least; None if that is not known."""
        return len(text) if text.isascii() else self._widths.get(text)

    def forget(self) -> None:
        """Expect no answer any more: another program has had the terminal."""
        self._asked.clear()
        self._columns = 0
