"""How a connection is doing, in words: nothing when all is well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chatctl.client.membership import Membership
from chatctl.common.text import clean
from chatctl.common.times import local
from chatctl.protocol import RoomNow

LATE_SECONDS = 1.0
"""An acknowledgement that takes longer is worth a word in the status."""

SHOWN_UNSENT_SECONDS = 0.3
"""One that takes longer is worth showing what waits for it: sooner, every line would flicker."""


def brief(link: Membership, now: float) -> str:
    """Give what is worth a word beside the prompt; ``now`` is the event loop's time."""
    parts: list[str] = []
    if link.retry_at is not None:
        left = max(0, round(link.retry_at - now))
        parts.append(f"reconnecting in {left} s" if left else "reconnecting")
    if len(link.outbox) and (link.retry_at is not None or link.oldest_wait() >= LATE_SECONDS):
        parts.append(f"{len(link.outbox)} unsent")
    if link.lag >= LATE_SECONDS:
        parts.append(f"lag {link.lag:.1f} s")
    return ", ".join(parts)


def unsent(link: Membership) -> list[str]:
    """Give what waits for its acknowledgement and is worth showing, one line each."""
    shown = link.retry_at is not None or link.oldest_wait() >= SHOWN_UNSENT_SECONDS
    return [clean(message.frame.text) for message in link.outbox] if shown else []


def full(link: Membership, now: float, count: int) -> list[str]:
    """Give what ``/status`` tells of a connection."""
    state = "connected" if link.connected else brief(link, now) or "connecting"
    durability = link.welcome.durability if link.welcome else "unknown"
    bound = ["this name is bound to your key"] if link.welcome is not None and link.welcome.claimed else []
    return [
        f"{state}; {count} here; lag {link.lag * 1000:.0f} ms; {len(link.outbox)} unsent",
        f"messages are kept: {durability}; you have read up to {link.cursor.after if link.cursor else 0}",
        *bound,
    ]


def rules(holds: RoomNow) -> list[str]:
    """Give what operators have set for the room, a line each."""
    lines = [f"topic: {holds.topic}"] if holds.topic else []
    lines += [f"this room is slow: a message every {holds.slow:g} s"] if holds.slow else []
    return lines + (["this room is read-only: operators alone speak"] if holds.read_only else [])


def rows(text: str, found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Give what an order listed: how many, then a line each."""
    lines = (", ".join(f"{key} {_shown(key, value)}" for key, value in row.items()) for row in found)
    return [f"{text}:", *(f"  {line}" for line in lines)]


def _shown(key: str, value: Any) -> str:
    if key in ("since", "until") and isinstance(value, int | float):
        return local("%Y-%m-%d %H:%M", value)
    return str(value)
