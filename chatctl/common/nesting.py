"""How deep JSON is nested: one limit, whatever the decoder and the version of Python would take.

Does not live here: which lines are measured at all (protocol.py, which imports this file: so it imports none of ours).
Source: docs/protocol.md, "Framing".
"""

from __future__ import annotations

from itertools import accumulate
from typing import TypeVar

import msgspec

MAX_DEPTH = 32
"""Levels of objects and arrays in one line; the frame itself is the first. Python's own limit differs by version."""

TOO_DEEP = f"this line is nested deeper than {MAX_DEPTH} levels"

_OBJECT, _BACKSLASH = b"{\\"
_MARKS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # as signed bytes: one level more, one level less
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_T = TypeVar("_T")


def too_deep(text: bytes, siblings: int = 1) -> bool:
    """Return whether more than MAX_DEPTH objects and arrays are open at once. Brackets in strings do not count.

    Args:
        text: valid JSON or not; or several lines of valid JSON.
        siblings: so many objects in it stand side by side, as rows do: makes texts with many of them faster.
    """
    arrays = text.count(b"[", text.find(b"["), text.rfind(b"[") + 1)
    objects = MAX_DEPTH - arrays + siblings - 1  # with no more than these the depth is small enough
    if arrays < MAX_DEPTH and _OBJECT not in text.replace(b"{", b"-", objects):  # twice as fast as count
        return False
    return _depth(text) > MAX_DEPTH


def _depth(text: bytes) -> int:
    if _BACKSLASH in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = text.translate(_MARKS, _NO_MARKS).replace(b'""', b"")  # a pair changes nothing for what stands behind it
    outside = memoryview(b"".join(marks.split(b'"')[::2])).cast("b")
    return max(accumulate(outside), default=0)


def decode_kept(decoder: msgspec.json.Decoder[_T], data: bytes) -> _T:
    """Decode JSON from a file of ours. Raises ValueError if it is not valid, or nested too deeply."""
    if too_deep(data):
        raise ValueError(TOO_DEEP)
    return decoder.decode(data)
