"""Making a text fit a server's limits, by leaving its end out or by saying it in parts.

Two limits count: the text's bytes in UTF-8, and those of the whole frame as a line of JSON, where a control character
has six. Does not live here: refusing what does not fit (sender.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from msgspec.structs import replace

from chatctl.client.core.outbox import Message
from chatctl.common.plain_text import CUT
from chatctl.protocol import MAX_ID, Limits, encode

_SUFFIX = 8
"""Characters of an id for the number of a part."""
_MOST_MARKS = 16
_SHORT_ESCAPES = '"\\\b\f\n\r\t'


def truncated(message: Message, limits: Limits) -> list[Message]:
    """Return the message, or its beginning and ``…`` where the whole is over the limits."""
    text, room = message.frame.text, _room(message, limits)
    if _head(text, 0, limits.text, room) == len(text):
        return [message]
    mark = len(CUT.encode())
    return [_part(message, text[: _head(text, 0, limits.text - mark, room - mark)] + CUT)]


def split(message: Message, limits: Limits) -> list[Message]:
    """Return the message, or several that have its text in parts.

    The first part has the id, the n-th one the id and ``/n``: the same text under the same id is said once, too.
    """
    parts = list(_parts(message.frame.text, limits.text, _room(message, limits)))
    if len(parts) == 1:
        return [message]
    return [_part(message, text, number) for number, text in enumerate(parts, 1)]


def _room(message: Message, limits: Limits) -> int:
    """Return the bytes of a line that are left for the text as JSON."""
    return limits.line + 1 - _SUFFIX - len(encode(replace(message.frame, text="")))


def _part(message: Message, text: str, number: int = 1) -> Message:
    ident = message.id if number == 1 else f"{message.id[: MAX_ID - _SUFFIX]}/{number}"
    return Message(replace(message.frame, text=text, id=ident), message.where)


def _parts(text: str, limit: int, room: int) -> Iterator[str]:
    """Cut a text at line ends where there are some, else between characters. The line end at a cut is left out."""
    begin = 0
    while begin < len(text):
        end = _head(text, begin, limit, room)
        if end < len(text):
            line_end = text.rfind("\n", begin + 1, end + 1)
            end = line_end if line_end > 0 else max(_before_marks(text, begin, end), begin + 1)
        yield text[begin:end]
        begin = end + text.startswith("\n", end)


def _head(text: str, begin: int, limit: int, room: int) -> int:
    """Return where the longest part from ``begin`` on ends that has ``limit`` bytes at most, and ``room`` as JSON."""
    for at in range(begin, len(text)):
        char = text[at]
        size = len(char.encode())
        limit -= size
        room -= 2 if char in _SHORT_ESCAPES else 6 if char < " " else size
        if limit < 0 or room < 0:
            return at
    return len(text)


def _before_marks(text: str, begin: int, end: int) -> int:
    """Return a place to cut that is not before a combining mark or a joiner; ``end`` where there is none nearby."""
    for at in range(end, max(begin, end - _MOST_MARKS), -1):
        if unicodedata.category(text[at]) not in ("Mn", "Me", "Mc", "Cf") and text[at - 1] != "\u200d":
            return at
    return end
