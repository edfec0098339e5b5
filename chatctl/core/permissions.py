"""What a client may do in the mode that it came in with, and how long what it says may be.

Lives here: what is objected to, frame by frame. Does not live here: how fast (session.py), who may (hub.py).
Source: docs/protocol.md, "Modes".
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl import protocol
from chatctl.errors import BadFrame, ChatError, Forbidden, TooLong
from chatctl.protocol import ClientFrame, Frame, Mode

_OPEN_TO_ALL = (protocol.Who, protocol.Whois, protocol.History, protocol.Ping, protocol.Pong, protocol.Bye)
_FOR_NAMES = (protocol.Say, protocol.Whisper, protocol.Admin)
_ALLOWED: dict[Mode, frozenset[type[Frame]]] = {
    "join": frozenset([*_OPEN_TO_ALL, *_FOR_NAMES, protocol.Nick]),
    "post": frozenset([*_OPEN_TO_ALL, *_FOR_NAMES]),
    "watch": frozenset(_OPEN_TO_ALL),
    "probe": frozenset([*_OPEN_TO_ALL, protocol.Say]),
}

FREE = frozenset([protocol.Ping, protocol.Pong, protocol.Bye])
"""Frames that cost no message of the rate; their bytes count all the same."""


def objection(frame: ClientFrame, mode: Mode, limit: int) -> ChatError | None:
    """Give what is wrong with a frame of one who is in, None if nothing is; a text has at most ``limit`` bytes."""
    if isinstance(frame, protocol.Hello | protocol.Proof):
        return BadFrame("hello was said already")
    if type(frame) not in _ALLOWED[mode]:
        return Forbidden(f"mode {mode} can't do that")
    if isinstance(frame, protocol.Say | protocol.Whisper):
        return _objection_to_text(frame.text, limit)
    return None


def unobjectionable(says: Sequence[protocol.Say], mode: Mode, limit: int) -> bool:
    """Whether ``objection`` would surely find nothing in any of these. In doubt it is asked."""
    sizes = [len(say.text) for say in says]
    return protocol.Say in _ALLOWED[mode] and min(sizes) > 0 and 4 * max(sizes) <= limit


def _objection_to_text(text: str, limit: int) -> ChatError | None:
    if not text:
        return BadFrame("there is nothing in this message")
    if 4 * len(text) > limit and len(text.encode()) > limit:  # no character has more than four bytes
        return TooLong(f"a message has at most {limit} bytes")
    return None
