"""Searching what was said: when a message is found, and how far somebody has looked.

Does not live here: reading a log (journal/, core/ring.py), how much of it one search may read (hub/searching.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import NamedTuple

from msgspec import Struct

from chatctl.common.names import fold_any
from chatctl.protocol import Msg, Search

_DOTTED_I = "i\u0307"
"""What İ is in small letters, without a language: nobody types it, so it counts as ``i``."""


def fold_text(text: str) -> str:
    """Return the form in which texts are compared: case and the spelling of accents are folded, accents stay.

    ``STRASSE`` is ``straße``, ``İstanbul`` is ``istanbul``, a letter with an accent is the same as one character or
    two. What is ASCII gives ASCII, and nothing else is taken for it unless it folds to it.
    """
    if text.isascii():
        return text.lower()
    from unicodedata import normalize  # here: most texts need none of it

    return normalize("NFC", normalize("NFC", text).casefold().replace(_DOTTED_I, "i"))


class Query(Struct, frozen=True):
    """What is searched for."""

    text: str
    """Folded (``fold_text``), not empty."""
    nicks: frozenset[str] = frozenset()
    """Authors, folded (``fold_any``); empty: anybody."""
    since: float = -inf
    """Unix seconds."""

    @classmethod
    def of(cls, ask: Search) -> Query:
        """Return what a client asks for."""
        since = -inf if ask.since is None else ask.since
        return cls(fold_text(ask.text), frozenset(map(fold_any, ask.from_)), since)

    def finds(self, entry: Msg) -> bool:
        """Return whether an entry is found. A redacted one never is: its text is empty."""
        return (
            self.text in fold_text(entry.text)
            and entry.time >= self.since
            and (not self.nicks or fold_any(entry.nick) in self.nicks)
        )


class Looked(NamedTuple):
    """A part of a log that was looked through, from its end towards its start."""

    found: list[Msg]
    """The newest first."""
    before: int
    """Every entry of the part from this one on was looked at."""
    time: float | None
    """Of the oldest entry that was looked at, in Unix seconds; None if there was none."""


def look_through(
    entries: Iterable[Msg], query: Query, limit: int, is_over: Callable[[], bool]
) -> tuple[list[Msg], Msg | None]:
    """Return what is found, and the entry at which the look stopped; None if it came to the end.

    Args:
        entries: the newest first.
        query: what is searched for.
        limit: it stops when so many are found.
        is_over: asked after each entry; it stops when this is true.
    """
    found: list[Msg] = []
    for entry in entries:
        if query.finds(entry):
            found.append(entry)
        if len(found) >= limit or is_over():
            return found, entry
    return found, None
