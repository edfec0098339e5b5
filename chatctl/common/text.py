"""Cleaning text: what may be shown on a terminal.

Lives here: the one list of characters that must not reach a terminal. Does not live here: what a name may be
(common/names.py), where cleaning is done (text dialects at the server, every command that prints).
"""

from __future__ import annotations

import re
from functools import cache

MAX_MARKS = 4
"""Combining marks on one base. More is a way to write over the neighbours' lines (zalgo)."""

# C0 but tab and newline, DEL, C1, and the invisible or direction-changing characters. Where only one line is wanted,
# ``clean`` adds newline.
FORBIDDEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff"
)
_ZWJ = "\u200d"


def clean(text: str, *, lines: bool = False) -> str:
    """Return ``text`` with every character that acts on a terminal made visible.

    Controls become their pictures (ESC ``␛``), other characters ``<U+202E>``; marks over ``MAX_MARKS`` on one base
    are counted (``<+12 marks>``). Cleaning twice changes nothing more.

    Args:
        text: of any origin and length, surrogates included.
        lines: keep newlines; otherwise they become ``␊``.
    """
    cleaned = _forbidden("" if lines else "\n").sub(_show, text)
    return cleaned if cleaned.isascii() else thin_marks(cleaned)


@cache
def _forbidden(more: str) -> re.Pattern[str]:
    """Compile at the first use: it costs more than the rest of this module, and most commands never need it."""
    return re.compile(f"[{FORBIDDEN}{more}]")


def clean_bytes(data: bytes, limit: int = 60) -> str:
    """Return bytes of unknown encoding as one line of at most ``limit`` characters."""
    shown = clean(data[: 4 * limit].decode("utf-8", "backslashreplace"))
    return shown if len(shown) <= limit else shown[:limit] + "…"


def _show(match: re.Match[str]) -> str:
    point = ord(match[0])
    if point < 0x20:
        return chr(0x2400 + point)
    return "␡" if point == 0x7F else f"<U+{point:04X}>"


def thin_marks(text: str) -> str:
    """Remove combining marks over ``MAX_MARKS`` on one base. A joiner does not make a new base."""
    import unicodedata

    out: list[str] = []
    marks = 0
    for char in text:
        if unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if marks > MAX_MARKS:
                continue
        elif char != _ZWJ:
            out += _marks_left_out(marks)
            marks = 0
        out.append(char)
    return "".join(out + _marks_left_out(marks))


def _marks_left_out(marks: int) -> list[str]:
    return [f"<+{marks - MAX_MARKS} marks>"] if marks > MAX_MARKS else []


def escape_json(line: str) -> str:
    """Escape the characters of a line of JSON that act on a terminal. Its value stays the same."""
    return _forbidden("").sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
