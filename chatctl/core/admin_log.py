"""The log of what operators did: who, when, to what, and why, for as long as the journal keeps it.

Lives here: the newest rows, as facts of the journal. Does not live here: the server's own log of events
(hub/event_log.py), carrying an order out (hub/admin_commands.py). No clock: times are arguments. Source: docs/admin.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from chatctl.common.nesting import decode_kept

KIND = "order"
"""Of its facts. Their keys are numbers that rise."""

MAX_ROWS = 10_000
"""Rows that are kept; the oldest goes for a new one."""

Fact = tuple[str, str]


class Order(Struct, frozen=True, omit_defaults=True):
    """One order that was carried out. Journals store it as JSON."""

    time: float
    """Unix seconds."""
    verb: str
    by: str = ""
    """Nickname; empty for the console."""
    target: str = ""
    """As it was given. Empty for a redaction: the name goes, too."""
    room: str = ""
    seconds: float = 0.0
    why: str = ""
    done: str = ""
    """A sentence for people."""
    rooms: list[str] = []
    """Where it is told, at every server; with none and ``everywhere`` in all rooms."""
    everywhere: bool = False


_decoder = msgspec.json.Decoder(Order)


class AdminLog:
    """The newest ``MAX_ROWS`` orders, oldest first."""

    def __init__(self, facts: Mapping[Fact, str]) -> None:
        """Start with what is among ``facts``."""
        kept = sorted((key, value) for (kind, key), value in facts.items() if kind == KIND and key.isdecimal())
        self._next = 1 + int(kept[-1][0]) if kept else 1
        self._rows: dict[str, Order] = {}
        for key, value in kept:
            with contextlib.suppress(ValueError):  # a newer version's: no reason not to start
                self._rows[key] = decode_kept(_decoder, value.encode())

    def __iter__(self) -> Iterator[Order]:
        """Iterate over the orders."""
        return iter(self._rows.values())

    def add(self, order: Order) -> dict[Fact, str | None]:
        """Add an order; return the changes of facts that keep it. Commit them together with what was done."""
        key = f"{self._next:012d}"
        self._next += 1
        self._rows[key] = order
        changes: dict[Fact, str | None] = {(KIND, key): msgspec.json.encode(order).decode()}
        while len(self._rows) > MAX_ROWS:
            oldest = next(iter(self._rows))
            del self._rows[oldest]
            changes[KIND, oldest] = None
        return changes

    def learn(self, key: str, value: str | None) -> Order | None:
        """Take a row that another server has kept, or that it dropped; return it if it is new. Raises ValueError."""
        if value is None or not key.isdecimal():
            self._rows.pop(key, None)
            return None
        order = decode_kept(_decoder, value.encode())
        if self._rows.get(key) == order:
            return None
        self._rows[key] = order
        self._next = max(self._next, 1 + int(key))
        return order

    def newest(self, verb: str, room: str, target: str, since: float) -> Order | None:
        """Return the newest order of a verb, in a room, for a target; None if that is older than ``since``."""
        found = (
            one for one in reversed(self._rows.values()) if (one.verb, one.room, one.target) == (verb, room, target)
        )
        order = next(found, None)
        return order if order is not None and order.time >= since else None

    def drop(self, changes: Mapping[Fact, str | None]) -> None:
        """Take back what ``add`` added: it was not committed. What went for it stays gone.

        Another server's row may have the number by now: that one stays.
        """
        for (kind, key), value in changes.items():
            if kind == KIND and value is not None and self._rows.get(key) == _decoder.decode(value):
                del self._rows[key]
