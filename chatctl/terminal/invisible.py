"""Texts that show nothing: what there is of them is told, or they look like somebody who said nothing."""

from __future__ import annotations

import unicodedata

_FILLERS = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0")
"""Characters of other categories that are blank: Hangul fillers, the empty Braille pattern and such."""

_NAMED = 5


def is_invisible(text: str) -> bool:
    """Return whether no character of ``text`` shows: blanks, marks without a base, joiners, tags, fillers."""
    return all(char in _FILLERS or unicodedata.category(char)[0] in "ZCM" for char in text)


def describe(text: str) -> str:
    """Return which characters there are, the first few by number."""
    points = list(dict.fromkeys(f"U+{ord(char):04X}" for char in text))
    named = " ".join(points[:_NAMED]) + (" …" if len(points) > _NAMED else "")
    return f"({len(text):,} invisible {'character' if len(text) == 1 else 'characters'}: {named})" if text else "()"
