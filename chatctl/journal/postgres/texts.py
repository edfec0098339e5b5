"""Texts as the engine can hold them: it takes every character but NUL, and messages may have that."""

from __future__ import annotations

_ESCAPE = "\x1a"
_PAIRS = {f"{_ESCAPE}{_ESCAPE}": _ESCAPE, f"{_ESCAPE}\x1b": "\0"}
"""NUL, and the rare character that stands before its replacement."""


def to_engine(text: str) -> str:
    """Return a text without NUL from which ``from_engine`` makes this one. A part of it stays a part."""
    if "\0" not in text and _ESCAPE not in text:
        return text
    return text.replace(_ESCAPE, _ESCAPE + _ESCAPE).replace("\0", f"{_ESCAPE}\x1b")


def from_engine(text: str) -> str:
    """Return the text of which ``to_engine`` made this one."""
    if _ESCAPE not in text:
        return text
    parts: list[str] = []
    at = 0
    while (found := text.find(_ESCAPE, at)) >= 0:
        parts += (text[at:found], _PAIRS.get(text[found : found + 2], text[found : found + 2]))
        at = found + 2
    return "".join((*parts, text[at:]))
