"""Names: what a nickname or a room may be called, and when two nicknames are the same.

Does not live here: which names look alike (core/confusables.py), who may have one (core/admission.py).
Source: docs/protocol.md, "Modes"; PRECIS (RFC 8264, RFC 8265).
"""

from __future__ import annotations

import re
from functools import lru_cache

from chatctl.common.text import MAX_MARKS, clean, thin_marks
from chatctl.errors import NickInvalid, RoomInvalid

MAX_NICK_POINTS = 32
"""Code points."""

MAX_NICK_BYTES = 64
"""Bytes of UTF-8."""

_NICK_START = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_^|~[]{}")
_NICK_SHAPE = _NICK_START | frozenset("@+.-")
_ROOM = r"[a-z0-9][a-z0-9_.-]{0,31}"


def check_nick(nick: str) -> str:
    """Return a nickname as it will be shown (NFC).

    Letters and digits of any script (PRECIS, RFC 8265), and ``_ ^ | ~ [ ] { }``; after the first character also
    ``- . + @``. 1 to 32 code points and at most 64 bytes of UTF-8. None of these can be taken for the ``:``,
    ``*`` or space that the text dialects put around a name.

    Raises:
        NickInvalid: it breaks one of these rules; the text says which.
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
    """Return the form under which two nicknames are the same: case, width and the spelling of accents are folded.

    Raises:
        NickInvalid: as ``check_nick``.
    """
    shown = check_nick(nick)
    return shown.lower() if shown.isascii() else _precis("UsernameCaseMapped", shown)


def fold_any(nick: str) -> str:
    """Fold a nickname that some server allowed. One that breaks our rules is folded by case alone."""
    try:
        return fold_nick(nick)
    except NickInvalid:
        return nick.lower()


def _precis(profile: str, nick: str) -> str:
    from precis_i18n import get_profile  # 20 ms to import, and most names are ASCII

    try:
        folded: str = get_profile(profile).enforce(nick)
    except UnicodeEncodeError as error:
        bad = error.object[error.start] if error.start < len(error.object) else nick[0]
        raise NickInvalid(f"a nickname can't hold {_quote(bad)} there") from None
    if not folded.isascii() and thin_marks(folded) != folded:
        raise NickInvalid(f"a nickname has at most {MAX_MARKS} marks on one letter")
    _check_shape(folded)  # a full-width colon has become a plain one
    return folded


def _quote(char: str) -> str:
    if char == " ":
        return "a space"
    shown = clean(char)
    return f"'{shown}'" if shown == char and char.isprintable() else f"U+{ord(char):04X}"


def check_room(room: str) -> str:
    """Return a room's name if it is one: 1 to 32 of ``a-z 0-9 _ . -``, a letter or digit first.

    Raises:
        RoomInvalid: it breaks that rule, which is the text.
    """
    if not re.fullmatch(_ROOM, room):
        raise RoomInvalid(f"no room can be called '{clean(room[:40])}': use 1 to 32 of a-z 0-9 _ . -")
    return room
