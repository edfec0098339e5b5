"""Look-alikes: the skeleton of a nickname, and an index by skeleton.

Lives here: the mapping of UTS #39, and what we add to it, over names that PRECIS has folded. Does not live here: the
data (confusables_table.py), what is done about a look-alike (name_ownership.py). Source: https://www.unicode.org/reports/tr39/,
section 4.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import chain
from typing import Generic, TypeVar

from chatctl.common.names import check_nick, fold_any, fold_nick
from chatctl.errors import NickInvalid

_T = TypeVar("_T")

_ADDED = {"w": "vv", "ĸ": "k", "\u200c": "", "\u200d": ""}
"""Beside UTS #39: ``vvarren`` for ``warren`` as its ``rn`` for ``m``; Greek κ, Cyrillic к and their kin (``ĸ`` there)
for ``k``; joiners are not seen. What is left out on purpose is in docs/security.md, "Names"."""

_DIGITS = str.maketrans("258", "zsb")
_DIGITS_IN_WORD = re.compile(r"[258]+(?=[^\W\d_])")
"""Digits that a letter follows: ``5am`` for ``sam``, while ``node5`` and ``nodes`` are two machines."""


@lru_cache(maxsize=16384)
def skeletons(nick: str) -> frozenset[str]:
    """Return the one or two skeletons of a nickname; two nicknames look alike if they share one.

    ``Rajat`` and ``rаjat`` (Cyrillic а) do, ``db1`` and ``dbl``, too. There are two where capitals look like something
    else than their small letters: ``dbI`` looks like ``dbl`` as it is shown, and is ``dbi`` to whoever types it. A name
    that nobody could have today has them, too: a claim or a ban may be kept under it.
    """
    try:
        return skeletons_of(check_nick(nick), fold_nick(nick))
    except NickInvalid:
        return skeletons_of(nick, fold_any(nick))


def skeletons_of(shown: str, folded: str) -> frozenset[str]:
    """Return the skeletons of a nickname as it is shown; ``folded`` is its ``fold_nick``."""
    one = _fixed_point(_in_words(folded))
    return frozenset([one] if shown == folded else [one, _fixed_point(_in_words(shown))])


class LookAlikes(Generic[_T]):
    """Items that have a nickname each, found by any nickname that looks like theirs."""

    def __init__(self) -> None:
        """Start empty."""
        self._items: dict[str, tuple[_T, ...]] = {}  # by skeleton: one item, nearly always

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, looks: Iterable[str], item: _T) -> None:
        """Add an item under the skeletons of its nickname."""
        for skeleton in looks:
            self._items[skeleton] = (*self._items.get(skeleton, ()), item)

    def remove(self, looks: Iterable[str], item: _T) -> None:
        """Remove an item that was added under these skeletons."""
        for skeleton in looks:
            if others := tuple(other for other in self._items[skeleton] if other != item):
                self._items[skeleton] = others
            else:
                del self._items[skeleton]

    def of(self, looks: Iterable[str]) -> Iterable[_T]:
        """Return each item that has one of these skeletons, once."""
        found = [self._items[skeleton] for skeleton in looks if skeleton in self._items]
        return found[0] if len(found) == 1 else dict.fromkeys(chain(*found))

    def shared(self) -> Iterator[tuple[_T, ...]]:
        """Yield the items of each skeleton that several have."""
        return (items for items in self._items.values() if len(items) > 1)


def _in_words(text: str) -> str:
    return _DIGITS_IN_WORD.sub(lambda digits: digits[0].translate(_DIGITS), text)


def _fixed_point(text: str) -> str:
    """Map until nothing changes: a prototype may be a capital, whose small letter looks like something else again."""
    before = ""
    while text != before:
        before, text = text, _map_once(text)
    return text


def _map_once(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(_mapping())).lower()


@cache
def _mapping() -> dict[int, str]:
    return _prototypes() | {ord(char): looks for char, looks in _ADDED.items()}


@cache
def _prototypes() -> dict[int, str]:
    from chatctl.core.confusables_table import TABLE  # here: only a server that has a guest needs it

    prototypes = {}
    for line in TABLE.splitlines():
        block, *pairs = line.split(" ")
        for pair in pairs:
            low, _, points = pair.partition("=")
            prototypes[int(block + low, 16)] = "".join(chr(int(point, 16)) for point in points.split("+"))
    return prototypes
