"""The client. Public are ``connect`` and its results, here for blocking programs and in ``aio.py`` for asyncio.

core/ is sans-I/O (api.py is its top, connection.py one connection), security/ holds keys and trust, io/ moves bytes, on
blocking sockets and on asyncio. One-shot commands use the blocking half and start fast; this file loads nothing before
it is asked for. Nothing here knows the server's side: both meet in protocol.py. Source: docs/api.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatctl.client.sync import (
        Answer,
        Back,
        Event,
        Following,
        Gap,
        Join,
        Leave,
        Lost,
        Msg,
        Place,
        Redacted,
        Rename,
        Room,
        Whisper,
        connect,
    )

__all__ = [
    "Answer",
    "Back",
    "Event",
    "Following",
    "Gap",
    "Join",
    "Leave",
    "Lost",
    "Msg",
    "Place",
    "Redacted",
    "Rename",
    "Room",
    "Whisper",
    "connect",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from chatctl.client import sync

    return getattr(sync, name)
