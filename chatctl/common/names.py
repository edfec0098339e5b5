"""Names: what a nickname or a room may be called, and when two nicknames are the same.

Does not live here: which names look alike (core/confusables.py), who may have one (core/name_ownership.py).
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
_SCRIPTS_OF_COMBINING = frozenset(["CYRILLIC", "DEVANAGARI", "GLAGOLITIC", "GRANTHA", "GREEK", "LATIN", "OLD"])
"""Second words of ``COMBINING …`` names that are a script; other such marks (accents) go on letters of any script."""

_STACKERS = frozenset(
    "\u1039\u17d2\u1a60\u1bab\u2d7f\uaaf6\U00010a3f\U0001107f\U00011133\U000113d0\U0001193e\U00011a47\U00011a99\U00011d97"
    "\U00011f42"
)
"""Marks that are invisible unless a letter follows them (Invisible_Stacker of Unicode, and joiners that are marks)."""

_FILLERS = frozenset("\U00016fe4\U0001bc9d")
"""Marks that PRECIS allows and that are never seen."""

_ROOM = r"[a-z0-9][a-z0-9_.-]{0,31}"


def check_nick(nick: str) -> str:
    """Return a nickname as it will be shown (NFC).

    Letters and digits of any script (PRECIS, RFC 8265), and ``_ ^ | ~ [ ] { }``; after the first character also
    ``- . + @``. 1 to 32 code points and at most 64 bytes of UTF-8. Marks follow a letter or digit of their own script
    (accents: of any), and are seen. None of these can be taken for the ``:``,
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


@lru_cache(maxsize=8192)  # 0.1 ms a name, and who posts under one is judged for each message
def _precis(profile: str, nick: str) -> str:
    from precis_i18n import get_profile  # 20 ms to import, and most names are ASCII

    try:
        folded: str = get_profile(profile).enforce(nick)
    except UnicodeEncodeError as error:
        bad = error.object[error.start] if error.start < len(error.object) else nick[0]
        raise NickInvalid(f"a nickname can't hold {_quote(bad)} there") from None
    if not folded.isascii() and thin_marks(folded) != folded:
        raise NickInvalid(f"a nickname has at most {MAX_MARKS} marks on one letter")
    _check_marks(folded)
    _check_shape(folded)  # a full-width colon has become a plain one
    return folded


def _check_marks(nick: str) -> None:
    """Refuse marks that begin a name (RFC 5891, 4.2.3.2), stand on a foreign script or are not seen.

    Terminals show none of these where they belong: the first joins the text before the name, the others leave a name
    that looks like the one without it.
    """
    base = ""
    for char, following in zip(nick, [*nick[1:], ""], strict=True):
        if not _is_mark(char):
            base = char
        elif not base:
            raise NickInvalid(f"a nickname can't start with {_quote(char)}")
        elif char in _FILLERS or (char in _STACKERS and _script(following) != _script(char)):
            raise NickInvalid(f"a nickname can't hold {_quote(char)} there: it would not be seen")
        elif _script(char) not in ("", _script(base)):
            raise NickInvalid(f"a nickname can't hold {_quote(char)} there: it is not a mark for '{base}'")


def _is_mark(char: str) -> bool:
    import unicodedata  # here: ASCII names need none of it

    return unicodedata.category(char)[0] == "M"


def _script(char: str) -> str:
    """Return the first word of a character's script; empty for accents, which go with every script.

    ``unicodedata`` does not have the property; names of letters and marks begin with it.
    """
    import unicodedata

    first, _, rest = unicodedata.name(char, "?").partition(" ") if char else ("", "", "")
    if first != "COMBINING":
        return first
    second = rest.partition(" ")[0]
    return second if second in _SCRIPTS_OF_COMBINING else ""


def _quote(char: str) -> str:
    if char == " ":
        return "a space"
    shown = clean(char)
    plain = shown == char and char.isprintable() and not _is_mark(char)  # a mark would join the quote
    return f"'{shown}'" if plain else f"U+{ord(char):04X}"


def check_room(room: str) -> str:
    """Return a room's name if it is one: 1 to 32 of ``a-z 0-9 _ . -``, a letter or digit first.

    Raises:
        RoomInvalid: it breaks that rule, which is the text.
    """
    if not re.fullmatch(_ROOM, room):
        raise RoomInvalid(f"no room can be called '{clean(room[:40])}': use 1 to 32 of a-z 0-9 _ . -")
    return room
