"""Cleaning names and text: what may be shown on a terminal, and what may be a name.

Lives here: the one list of characters that must not reach a terminal, and the rules of nicknames and rooms.
Does not live here: where cleaning is done (text dialects at the server, every command that prints).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from chatctl.errors import NickInvalid, RoomInvalid

MAX_NICK_POINTS = 32
MAX_NICK_BYTES = 64
MAX_MARKS = 4
"""Combining marks on one base. More is a way to write over the neighbours' lines (zalgo)."""

# C0 but tab and newline, DEL, C1, and the invisible or direction-changing characters. Newline is allowed in
# the pattern and taken out by ``clean`` where only one line is wanted.
FORBIDDEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff"
)
_ZWJ = "\u200d"

_NICK_START = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_^|~[]{}")
_NICK_SHAPE = _NICK_START | frozenset("@+.-")
_ROOM = r"[a-z0-9][a-z0-9_.-]{0,31}"


def clean(text: str, *, lines: bool = False) -> str:
    """Give ``text`` with nothing in it that acts on a terminal; what was there is shown.

    Controls become their pictures (ESC ``␛``), other characters ``<U+202E>``, marks over ``MAX_MARKS`` on one
    base are counted (``<+12 marks>``). Cleaning twice changes nothing more.

    Args:
        text: what somebody else typed; any length, surrogates too.
        lines: keep newlines (a message of several lines); else they are shown as ``␊``.
    """
    cleaned = _forbidden("" if lines else "\n").sub(_show, text)
    return cleaned if cleaned.isascii() else _thin_marks(cleaned)


@cache
def _forbidden(more: str) -> re.Pattern[str]:
    """Compiled at the first use: it costs more than the rest of this module, and most commands never need it."""
    return re.compile(f"[{FORBIDDEN}{more}]")


def clean_bytes(data: bytes, limit: int = 60) -> str:
    """Show a stranger's bytes in one line, at most ``limit`` characters of them."""
    shown = clean(data[: 4 * limit].decode("utf-8", "backslashreplace"))
    return shown if len(shown) <= limit else shown[:limit] + "…"


def _show(match: re.Match[str]) -> str:
    point = ord(match[0])
    if point < 0x20:
        return chr(0x2400 + point)
    return "␡" if point == 0x7F else f"<U+{point:04X}>"


def _thin_marks(text: str) -> str:
    """Keep ``MAX_MARKS`` combining marks on a base. A joiner does not make a new base."""
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


def check_nick(nick: str) -> str:
    """Give the nickname as it will be shown (NFC), or say why it can't be one.

    Letters and digits of any script (PRECIS, RFC 8265), and ``_ ^ | ~ [ ] { }``; after the first character also
    ``- . + @``. 1 to 32 code points and at most 64 bytes of UTF-8. None of these can be taken for the ``:``,
    ``*`` or space that the text dialects put around a name.

    Raises:
        NickInvalid: the text says which rule.
    """
    _check_shape(nick)
    return nick if nick.isascii() else _precis("UsernameCasePreserved", nick)


def _check_shape(nick: str) -> None:
    if not nick:
        raise NickInvalid("a nickname can't be empty")
    if len(nick) > MAX_NICK_POINTS or len(nick.encode("utf-8", "replace")) > MAX_NICK_BYTES:
        raise NickInvalid(f"a nickname has at most {MAX_NICK_POINTS} characters and {MAX_NICK_BYTES} bytes")
    for char in nick:
        if char.isascii() and char not in _NICK_SHAPE:
            raise NickInvalid(f"a nickname can't hold {_quote(char)}: use letters, digits and _ - . @")
    if nick[0].isascii() and nick[0] not in _NICK_START:
        raise NickInvalid(f"a nickname can't start with {_quote(nick[0])}")


@lru_cache(maxsize=4096)
def fold_nick(nick: str) -> str:
    """Give the form under which two nicknames are the same (case, width and accents' spelling folded).

    Raises:
        NickInvalid: as ``check_nick``.
    """
    shown = check_nick(nick)
    return shown.lower() if shown.isascii() else _precis("UsernameCaseMapped", shown)


def _precis(profile: str, nick: str) -> str:
    from precis_i18n import get_profile  # 20 ms to import, and most names are ASCII

    try:
        folded: str = get_profile(profile).enforce(nick)
    except UnicodeEncodeError as error:
        bad = error.object[error.start] if error.start < len(error.object) else nick[0]
        raise NickInvalid(f"a nickname can't hold {_quote(bad)} there") from None
    if not folded.isascii() and _thin_marks(folded) != folded:
        raise NickInvalid(f"a nickname has at most {MAX_MARKS} marks on one letter")
    _check_shape(folded)  # a full-width colon has become a plain one
    return folded


def _quote(char: str) -> str:
    if char == " ":
        return "a space"
    shown = clean(char)
    return f"'{shown}'" if shown == char and char.isprintable() else f"U+{ord(char):04X}"


def check_room(room: str) -> str:
    """Give the room's name, or say why it can't be one: 1 to 32 of ``a-z 0-9 _ . -``, a letter or digit first.

    Raises:
        RoomInvalid: with that rule as its text.
    """
    if not re.fullmatch(_ROOM, room):
        raise RoomInvalid(f"no room can be called '{clean(room[:40])}': use 1 to 32 of a-z 0-9 _ . -")
    return room


def escape_json(line: str) -> str:
    """Escape, in a line of JSON, what would act on a terminal. The value that a JSON reader gets is the same."""
    return _forbidden("").sub(_escape, line)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
