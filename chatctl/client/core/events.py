"""What ``follow`` yields: one type for each thing that happens, so that one ``match`` handles them all.

The wire has frames, which tell of several members at once and say nothing of connections (protocol.py). Does not live
here: how frames become events (follower.py, presence.py). Source: docs/api.md.
"""

from __future__ import annotations

from msgspec import Struct

from chatctl import protocol
from chatctl.protocol import Gap, Redacted


class Msg(protocol.Msg, frozen=True, tag="msg"):
    """Entry number ``seq`` of the log: what ``nick`` said at ``time`` (Unix seconds)."""

    mine: bool = False
    """We have said it: through this Room; or in an earlier run, if the nickname is bound to our key."""


class Join(Struct, frozen=True):
    """``nick`` is a member now, one of ``count``."""

    nick: str
    count: int


class Leave(Struct, frozen=True):
    """``nick`` is no member any more; ``count`` are left. ``why`` is for people, and empty if nobody knows."""

    nick: str
    count: int
    why: str = ""


class Rename(Struct, frozen=True):
    """The member ``old`` is called ``new`` now."""

    old: str
    new: str


class Whisper(Struct, frozen=True):
    """What ``nick`` has told us alone, at ``time`` (Unix seconds)."""

    nick: str
    text: str
    time: float


class Lost(Struct, frozen=True):
    """The connection is lost, and is made again for as long as it takes. ``why`` is for people."""

    why: str


class Back(Struct, frozen=True):
    """The connection is there again: what was missed follows."""


Presence = Join | Leave | Rename
Event = Msg | Gap | Presence | Whisper | Redacted | Lost | Back
