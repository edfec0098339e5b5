"""Frames of a WebSocket from the server: not masked, so their bytes are the same for all browsers.

Lives here: the header of a whole text message, and the ping. Does not live here: frames from browsers, and closing
(server/web/websocket.py). Source: RFC 6455, section 5.2.
"""

from __future__ import annotations

PING = b"\x89\x00"
"""A ping without data. A browser answers it by itself, even while its page sleeps."""

_SHORT = 125
"""Most bytes whose number stands in the second byte of a header."""

_TEXT, _IN_TWO, _IN_EIGHT = 0x81, 126, 127


def text_frame(payload: bytes) -> bytes:
    """Return a text message of one frame. ``payload`` is UTF-8."""
    size = len(payload)
    if size <= _SHORT:
        return bytes((_TEXT, size)) + payload
    if size < 1 << 16:
        return bytes((_TEXT, _IN_TWO)) + size.to_bytes(2) + payload
    return bytes((_TEXT, _IN_EIGHT)) + size.to_bytes(8) + payload
