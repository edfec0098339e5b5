"""Effects: what a session asks of its connection and the hub.

Does not live here: when there is one (session.py), carrying it out (hub/hub.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chatctl import protocol
from chatctl.errors import ChatError
from chatctl.protocol import ClientFrame, Frame


class Reply(Struct, frozen=True):
    """Send a frame to the connection itself."""

    frame: Frame


class Raw(Struct, frozen=True):
    """Send bytes to the connection itself, as they are."""

    data: bytes


class Says(Struct, frozen=True):
    """Say these messages in the room, in order: one, or those of one read."""

    says: Sequence[protocol.Say]


class Hangup(Struct, frozen=True):
    """Commit what was said, flush, then close."""

    why: str
    last: protocol.Error | protocol.Bye | None = None
    """The last frame that the connection is sent, behind all that was asked before."""


Effect = ClientFrame | Says | Reply | Raw | Hangup
"""A client's frame is an effect when it may be carried out now; Say only within Says."""


def error_frame(error: ChatError, id: str | None = None) -> protocol.Error:  # noqa: A002 — the wire's own word
    """Return the frame for an error; ``id`` is that of the frame that it answers."""
    return protocol.Error(code=error.wire_code, text=error.text, id=id, retry_after=error.retry_after)
