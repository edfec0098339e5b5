"""Bytes that are no text in the encoding of the input: what stands for them, and how they are told.

A decoder with the handler ``surrogateescape`` makes a lone surrogate of each.
"""

from __future__ import annotations

import re

_BROKEN = re.compile("[\udc80-\udcff]")


def replaced(text: str) -> tuple[str, bytes]:
    """Return a text with U+FFFD for each byte that is none, and these bytes."""
    if text.isascii():
        return text, b""
    broken = "".join(_BROKEN.findall(text)).encode("utf-8", "surrogateescape")
    return (_BROKEN.sub("\ufffd", text), broken) if broken else (text, b"")


def told(broken: bytes, encoding: str) -> str:
    """Return how a person is told of them."""
    shown = f"{broken[:8].hex(' ')}{' …' if broken[8:] else ''}"
    return f"bytes that are no text in {encoding} ({shown}): \ufffd stands for each"
