"""The state of a connection and of a room, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chatctl.client.membership import Membership
from chatctl.common.text import clean
from chatctl.common.times import local
from chatctl.protocol import RoomNow

LATE_SECONDS = 1.0
"""A round trip, or a wait for an acknowledgement, from which on the status mentions it."""

SHOW_UNSENT_SECONDS = 0.3
"""How long a message waits before it is shown as unsent. If each were shown at once, the prompt would flicker."""


def brief(membership: Membership, now: float) -> str:
    """Return what the prompt says about the connection, empty when all is well. ``now`` is the event loop's time."""
    parts: list[str] = []
    if membership.retry_at is not None and membership.is_lost:
        left = max(0, round(membership.retry_at - now))
        parts.append(f"reconnecting in {left} s" if left else "reconnecting")
    if len(membership.outbox) and (membership.is_lost or membership.oldest_wait() >= LATE_SECONDS):
        parts.append(f"{len(membership.outbox)} unsent")
    if membership.lag >= LATE_SECONDS:
        parts.append(f"lag {membership.lag:.1f} s")
    return ", ".join(parts)


def unsent(membership: Membership) -> list[str]:
    """Return the texts that have waited long enough for an acknowledgement to be shown, one line each."""
    shown = membership.is_lost or membership.oldest_wait() >= SHOW_UNSENT_SECONDS
    return [clean(message.frame.text) for message in membership.outbox] if shown else []


def full(membership: Membership, now: float, count: int) -> list[str]:
    """Return what ``/status`` says about the connection. ``count`` is the number of members."""
    state = "connected" if membership.connected else brief(membership, now) or "connecting"
    welcome, cursor = membership.welcome, membership.cursor
    lines = [
        f"{state}; {count} here; lag {membership.lag * 1000:.0f} ms; {len(membership.outbox)} unsent",
        f"durability: {welcome.durability if welcome else 'unknown'}; last read: #{cursor.after if cursor else 0}",
    ]
    return [*lines, "this name is bound to your key"] if welcome and welcome.claimed else lines


def room_state(state: RoomNow) -> list[str]:
    """Return what operators have set for the room, a line each."""
    lines = [f"topic: {state.topic}"] if state.topic else []
    lines += [f"this room is slow: a message every {state.slow:g} s"] if state.slow else []
    return lines + (["this room is read-only: operators alone speak"] if state.read_only else [])


def rows(title: str, found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the answer to an operator's request for a list: its title, then a line for each row."""
    lines = (", ".join(f"{key} {_shown(key, value)}" for key, value in row.items()) for row in found)
    shown = [f"  {line}" for line in lines]
    return [f"{title}:" if shown else title, *shown]


def _shown(key: str, value: Any) -> str:
    if key in ("since", "until") and isinstance(value, int | float):
        return local("%Y-%m-%d %H:%M", value)
    return str(value)
