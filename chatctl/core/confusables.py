"""Skeletons: what a nickname looks like, so that one that only looks like another is known for it.

Lives here: the mapping of UTS #39 (data/confusables.txt names its version), over names that PRECIS has folded. Does not
live here: what is done about a look-alike (admission.py). Source: https://www.unicode.org/reports/tr39/, section 4.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from chatctl.common.names import check_nick, fold_nick

_DATA = Path(__file__).parent.with_name("data") / "confusables.txt"


@lru_cache(maxsize=16384)
def skeletons(nick: str) -> frozenset[str]:
    """Give what a nickname looks like; two look alike if they have one of these in common.

    ``Rajat`` and ``rаjat`` (Cyrillic а) do, ``db1`` and ``dbl``, too. There are two where capitals look like something
    else than their small letters: ``dbI`` looks like ``dbl`` as it is shown, and is ``dbi`` to whoever types it.

    Raises:
        NickInvalid: as ``check_nick``.
    """
    return frozenset({_settled(fold_nick(nick)), _settled(check_nick(nick))})


def _settled(looks: str) -> str:
    """A prototype may be a capital, and its small letter look like something else again."""
    before = ""
    while looks != before:
        before, looks = looks, _once(looks)
    return looks


def _once(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", decomposed.translate(_prototypes())).lower()


@cache
def _prototypes() -> dict[int, str]:
    lines = _DATA.read_text(encoding="utf-8").split("\n")
    pairs = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {int(source, 16): "".join(chr(int(point, 16)) for point in target.split()) for source, _, target in pairs}
