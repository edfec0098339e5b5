"""What a person sees as one character: grapheme clusters, and words of them.

Lives here: positions in a text. Does not live here: which key goes where (editing_keys.py). Source: Unicode Standard
Annex 29; a word is a run of letters, digits, marks and underscores, in any script.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate

from wcwidth import iter_graphemes


@lru_cache(maxsize=4)
def boundaries(text: str) -> Sequence[int]:
    """Return the positions between two clusters, with the text's two ends."""
    if text.isascii():
        return range(len(text) + 1)
    return list(accumulate(map(len, iter_graphemes(text)), initial=0))


def before(text: str, at: int, count: int = 1) -> int:
    """Return the position that is ``count`` clusters before ``at``; a part of a cluster counts as one."""
    edges = boundaries(text)
    return edges[max(0, bisect_left(edges, at) - count)]


def behind(text: str, at: int, count: int = 1) -> int:
    """Return the position that is ``count`` clusters behind ``at``; a part of a cluster counts as one."""
    edges = boundaries(text)
    return edges[min(len(edges) - 1, bisect_right(edges, at) - 1 + count)]


def snapped(text: str, at: int, *, forward: bool) -> int:
    """Return ``at`` if it is between two clusters, else the end of its cluster in that direction."""
    edges = boundaries(text)
    return edges[bisect_left(edges, at) if forward else bisect_right(edges, at) - 1]


def in_word(cluster: str) -> bool:
    """Return whether a cluster belongs to a word: by its first character."""
    return cluster[0] == "_" or unicodedata.category(cluster[0])[0] in "LNM"


def word_end(text: str, at: int) -> int:
    """Return the end of the word that ``at`` is in or before; the end of the text if there is none."""
    at = _skip(text, at, lambda cluster: not in_word(cluster))
    return _skip(text, at, in_word)


def word_start(text: str, at: int, belongs: Callable[[str], bool] = in_word) -> int:
    """Return the beginning of the word that ``at`` is in or behind; 0 if there is none.

    Args:
        text: what is looked at.
        at: a position in it.
        belongs: whether a cluster is part of a word.
    """
    at = _skip_back(text, at, lambda cluster: not belongs(cluster))
    return _skip_back(text, at, belongs)


def _skip(text: str, at: int, over: Callable[[str], bool]) -> int:
    while at < len(text) and over(text[at : (end := behind(text, at))]):
        at = end
    return at


def _skip_back(text: str, at: int, over: Callable[[str], bool]) -> int:
    while at and over(text[(start := before(text, at)) : at]):
        at = start
    return at
