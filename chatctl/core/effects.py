"""What a session wants done: its effects, one after the other.

Lives here: what they are. Does not live here: when there is one (session.py), what it does (hub.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chatctl import protocol
from chatctl.errors import ChatError
from chatctl.protocol import ClientFrame, Frame


class Reply(Struct, frozen=True):
    """Send this to the connection itself."""

    frame: Frame


class Raw(Struct, frozen=True):
    """Send these bytes to the connection itself, as they are."""

    data: bytes


class Says(Struct, frozen=True):
    """Say these in the room, in order: one, or what came together."""

    says: Sequence[protocol.Say]


class Hangup(Struct, frozen=True):
    """Carry out what was asked before, flush, then close."""

    why: str


Effect = ClientFrame | Says | Reply | Raw | Hangup
"""A client's frame is an effect when it may be carried out now; Say only within Says."""


def error_frame(error: ChatError, id: str | None = None) -> protocol.Error:  # noqa: A002 — the wire's own word
    """Give the frame that tells a client of an error; ``id`` is that of the frame it answers."""
    return protocol.Error(code=error.wire_code, text=error.text, id=id, retry_after=error.retry_after)
