"""A terminal to judge by: a pyte screen that remembers what scrolled away, which rows are one line, and the bells."""

from __future__ import annotations

import unicodedata

import pyte
from pyte import modes
from pyte.screens import Char
from wcwidth import wcwidth

BRACKETED_PASTE = 2004 << 5
SHOWN_CURSOR = 25 << 5
FOCUS = 1004 << 5


class Emulator(pyte.Screen):
    """As a real emulator, without reflow: what is right of a narrower edge is gone."""

    def __init__(self, columns: int, lines: int) -> None:
        self.scrolled: list[str] = []
        self.bells = 0
        self._cells: dict[tuple[Char, str], Char] = {}
        super().__init__(columns, lines)

    def bell(self, *_: object) -> None:
        self.bells += 1

    def index(self) -> None:
        if self.cursor.y == self.lines - 1:
            self._remember(0)
        super().index()

    def _remember(self, y: int) -> None:
        self._append(self.scrolled, y)

    def _append(self, lines: list[str], y: int) -> None:
        """Add a row to lines: to the last one, if it goes on here."""
        text = self.row(y)
        if y + 1 < self.lines and getattr(self.buffer[y + 1], "goes_on", False):
            text = text.ljust(self.columns - sum(cell.data == "" for cell in self.buffer[y].values()))
        if getattr(self.buffer[y], "goes_on", False) and lines:
            lines[-1] += text
        else:
            lines.append(text)

    def row(self, y: int) -> str:
        line = self.buffer[y]
        return "".join(line[x].data for x in range(self.columns)).rstrip()

    def draw(self, data: str) -> None:
        """Place characters; pyte's own drops the rest of a text after a joiner, and joins rows for good."""
        for char in data:
            width = 1 if " " <= char <= "~" else wcwidth(char)
            if width <= 0:
                self._combine(char)
                continue
            if self.cursor.x + width > self.columns:
                if modes.DECAWM in self.mode:
                    self.carriage_return()
                    self.linefeed()
                    self.buffer[self.cursor.y].goes_on = True  # type: ignore[attr-defined]
                else:
                    self.cursor.x = self.columns - width
            self._place(char, width)

    def _place(self, char: str, width: int) -> None:
        line, x, attrs = self.buffer[self.cursor.y], self.cursor.x, self.cursor.attrs
        cell = self._cells.get((attrs, char))
        if cell is None:
            cell = self._cells[attrs, char] = attrs._replace(data=char)
        line[x] = cell
        if width == 2:
            line[x + 1] = attrs._replace(data="")
        self.cursor.x = x + width

    def _combine(self, char: str) -> None:
        if unicodedata.category(char) in ("Cc", "Cs") or not self.cursor.x:
            return
        line, x = self.buffer[self.cursor.y], self.cursor.x - 1
        x -= line[x].data == ""
        line[x] = line[x]._replace(data=line[x].data + char)

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        super().erase_in_line(how, private)
        if how == 2 or not self.cursor.x:
            self.buffer[self.cursor.y].goes_on = False  # type: ignore[attr-defined]

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        super().erase_in_display(how)
        first = {0: self.cursor.y + bool(self.cursor.x), 1: self.lines}.get(how, 0)
        for y in range(first, self.lines):
            self.buffer[y].goes_on = False  # type: ignore[attr-defined]

    def all_lines(self) -> list[str]:
        """Return the lines of scrollback and screen, wrapped ones whole."""
        lines = list(self.scrolled)
        for y in range(self.lines):
            self._append(lines, y)
        while lines and not lines[-1]:
            lines.pop()
        return lines


def layout(prompt: str, text: str, cursor: int, columns: int) -> tuple[list[str], tuple[int, int]]:
    """Return the rows that a prompt with ``text`` has on a terminal, and the cursor's (row, column)."""
    rows, x, at = [prompt], len(prompt), (0, len(prompt))

    def wrap() -> None:
        nonlocal x
        rows.append(" " * len(prompt))
        x = len(prompt)

    for number, char in enumerate(text + " "):
        width = 0 if char == "\n" else max(0, wcwidth(char))
        if x + width > columns:
            wrap()
        if number == cursor:
            at = (len(rows) - 1, x)
        if char == "\n":
            wrap()
        else:
            rows[-1] += char
            x += width
    return [row.rstrip() for row in rows], at
