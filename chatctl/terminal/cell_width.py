"""How many columns a terminal gives to a text: bounds, since terminals differ.

They agree about Latin letters and ideographs. About joined emoji, vowel signs and conjuncts they do not, and neither
does the same terminal in its next version: 0 to 2 columns for each character is all that can be said.
"""

from __future__ import annotations

import unicodedata

# Kana, ideographs, Hangul syllables, full-width forms: two columns everywhere.
_WIDE = ((0x3041, 0x3096), (0x30A1, 0x30FA), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFF01, 0xFF60))
_LAST_SIMPLE = 0x058F
"""Up to here cased letters (Latin, Greek, Cyrillic, Armenian) have a cell of their own in every terminal."""


def least_width(text: str) -> int:
    """Return the columns that ``text`` takes at least, in any terminal."""
    return len(text) if text.isascii() else sum(map(_least, text))


def greatest_width(text: str) -> int:
    """Return the columns that ``text`` takes at most, in any terminal."""
    return sum(1 if char.isascii() else 2 for char in text)


def _least(char: str) -> int:
    if char.isascii():
        return 1
    point = ord(char)
    if point <= _LAST_SIMPLE:
        return int(unicodedata.category(char) in ("Lu", "Ll", "Lt"))
    return 2 if any(first <= point <= last for first, last in _WIDE) else 0


def wrapped_rows(text: str, columns: int) -> int:
    """Return the rows that ``text`` takes at least where a wide character is never cut in two; 0 for an empty text."""
    rows, free = 0, 0
    for width in map(_least, text):
        if width > free:
            rows, free = rows + 1, columns
        free -= width
    return rows
