"""How much of a message is used up, once it is nearly full. No I/O."""

from __future__ import annotations

from chatctl.terminal.draft import line_bytes, room_for

SHOWN_FROM = 0.8
"""Of what can be sent: before that nobody has to know."""


def counter(line: str, limit: int) -> str:
    """Return what is told of a line where a message may have ``limit`` bytes; empty while there is much room."""
    size, room = line_bytes(line), room_for(line, limit)
    return f"{size:,} of {room:,} bytes" if size > room * SHOWN_FROM else ""
