"""Sizes: how much memory values take, near enough for a bound. They are CPython's, measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatctl.protocol import Msg

ENTRY_OVERHEAD = 300
"""Bytes of an entry beside the characters of its text: the struct, its numbers, the string's header, a nickname, its
place in the list (225 measured, and some for a nickname that it shares with no other)."""


def size_of(text: str) -> int:
    """Return the bytes that a string's characters take at most.

    CPython has up to four for each in one that is not ASCII, and keeps the UTF-8 beside them once it was encoded.
    """
    return len(text) if text.isascii() else 8 * len(text)


def size_of_all(texts: Sequence[str]) -> int:
    """Return the sum of ``size_of`` each, at less than half the cost where all are ASCII."""
    if len(texts) == 1:
        return size_of(texts[0])
    return sum(map(len, texts)) if all(map(str.isascii, texts)) else sum(map(size_of, texts))


def fitting(entries: Iterable[Msg], most: int | None) -> list[Msg]:
    """Return the first entries that fit into ``most`` bytes of memory, but one at least; None: all. Take no others."""
    fit: list[Msg] = []
    left = float("inf") if most is None else most
    for entry in entries:
        fit.append(entry)
        left -= ENTRY_OVERHEAD + size_of(entry.text)
        if left <= 0:
            break
    return fit
