"""Look-alikes: the skeleton of a nickname, and an index by skeleton.

Lives here: the mapping of UTS #39 over names that PRECIS has folded. Does not live here: the data
(confusables_table.py), what is done about a look-alike (admission.py). Source: https://www.unicode.org/reports/tr39/,
section 4.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Generic, TypeVar

from chatctl.common.names import check_nick, fold_nick

_T = TypeVar("_T")


@lru_cache(maxsize=16384)
def skeletons(nick: str) -> frozenset[str]:
    """Return the one or two skeletons of a nickname; two nicknames look alike if they share one.

    ``Rajat`` and ``rаjat`` (Cyrillic а) do, ``db1`` and ``dbl``, too. There are two where capitals look like something
    else than their small letters: ``dbI`` looks like ``dbl`` as it is shown, and is ``dbi`` to whoever types it.

    Raises:
        NickInvalid: as ``check_nick``.
    """
    return frozenset({_fixed_point(fold_nick(nick)), _fixed_point(check_nick(nick))})


class LookAlikes(Generic[_T]):
    """Items that have a nickname each, found by any nickname that looks like theirs."""

    def __init__(self) -> None:
        """Start empty."""
        self._items: dict[str, tuple[_T, ...]] = {}  # by skeleton: one item, nearly always

    def add(self, nick: str, item: _T) -> None:
        """Add an item. Raises NickInvalid."""
        for skeleton in skeletons(nick):
            self._items[skeleton] = (*self._items.get(skeleton, ()), item)

    def remove(self, nick: str, item: _T) -> None:
        """Remove an item that was added under ``nick``."""
        for skeleton in skeletons(nick):
            if others := tuple(other for other in self._items[skeleton] if other != item):
                self._items[skeleton] = others
            else:
                del self._items[skeleton]

    def of(self, nick: str) -> Iterable[_T]:
        """Return each item whose nickname is or looks like ``nick``. Raises NickInvalid."""
        return dict.fromkeys(item for skeleton in skeletons(nick) for item in self._items.get(skeleton, ()))


def _fixed_point(text: str) -> str:
    """Map until nothing changes: a prototype may be a capital, whose small letter looks like something else again."""
    before = ""
    while text != before:
        before, text = text, _map_once(text)
    return text


def _map_once(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(_prototypes())).lower()


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
