"""Combining marks in the cells of prompt-toolkit's screen: none is lost, whatever width the terminal gives it.

Lives here: where a mark goes. Does not live here: rows and the cursor (prompt_renderer.py).
"""

from __future__ import annotations

import unicodedata

from prompt_toolkit.layout.screen import _CHAR_CACHE, Char, Screen
from prompt_toolkit.utils import _CHAR_SIZES_CACHE


def give_marks_a_column(text: str) -> None:
    """Have prompt-toolkit take each combining mark in ``text`` for a column wide.

    It takes them for none, and drops one behind a row that is full (3.0.52); terminals give a column to some of them,
    and would not show the end of a row that is wider there. A row that ends too early does no harm.
    """
    marks = {char for char in set(text) if unicodedata.category(char)[0] == "M" and _CHAR_SIZES_CACHE[char] != 1}
    if marks:
        _CHAR_SIZES_CACHE.update(dict.fromkeys(marks, 1))
        _CHAR_CACHE.clear()  # its cells have the width that they were made with


def join_marks(screen: Screen, rows: int) -> None:
    """Move marks that begin a row to the end of the row above, where the character is that they belong to."""
    for y in range(1, rows):
        above, cells = screen.data_buffer[y - 1], screen.data_buffer[y]
        last = max((at for at, cell in above.items() if cell.char.strip()), default=None)
        x = min((at for at, cell in cells.items() if cell.char.strip()), default=0)
        while last is not None and unicodedata.category(cells[x].char[:1] or " ")[0] == "M":
            above[last] = Char(above[last].char + cells[x].char, above[last].style)
            cells[x] = Char(" ", cells[x].style)
            x += 1
