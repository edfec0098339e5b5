"""Journals: what gives each entry its number, and keeps it.

A journal is three methods, a look at its head, and the house's facts. It is not a second log: the ring, the cursors and
the order of showing exist once, in room.py, whatever the journal is. Nothing is shown to anyone before its journal has
committed it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from chatctl.errors import StorageFailed
from chatctl.protocol import Msg

__all__ = ["Deliver", "Done", "Draft", "Facts", "Head", "Journal", "Kept", "Receipt"]


class Draft(Struct, frozen=True):
    """What somebody wants said, before it has a number. ``time`` is Unix seconds."""

    room: str
    time: float
    nick: str
    text: str
    action: bool = False
    token: bytes | None = None
    """The hash of the sender's token: it scopes ``id``."""
    id: str | None = None
    trace: bool = True
    """False for a probe: it goes the whole way, commit included, and leaves nothing."""
    anew: bool = True
    """False for one whose sender may not speak now: it is looked for, and never added."""


class Receipt(Struct, frozen=True):
    """A draft is committed: under this number, or under that of its first coming. None: it left nothing."""

    seq: int | None
    time: float
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """Where a room's log stands: entries ``first`` to ``last`` can be read; ``epoch`` names this log."""

    epoch: str
    first: int
    last: int


Deliver = Callable[[Sequence[Msg]], None]
Done = Callable[[Sequence[Receipt] | StorageFailed], None]

Facts = Mapping[tuple[str, str], str | None]
"""What a house knows beside what was said: a value for each (kind, key), such as whose name it is. None: no longer."""
Kept = Callable[[StorageFailed | None], None]


class Journal(Protocol):
    """Numbers entries and keeps them. Called from the event loop's thread, and calls back there."""

    durability: str
    """What an acknowledgement means: ``memory``, ``os`` (survives a killed process), ``disk`` (a power cut)."""

    def append(self, batch: Sequence[Draft], done: Done) -> None:
        """Commit a batch: one transaction, all or nothing.

        Once it is committed, the new entries go to those who follow their room, then ``done`` gets a receipt for each
        draft, in order. If it could not be committed, ``done`` gets the error and nobody gets an entry. A draft that is
        not ``anew`` adds nothing: it gets the receipt of its first coming, or one without a number.
        """

    def follow(self, room: str, deliver: Deliver) -> Head:
        """Have ``deliver`` called with every entry after the head that is given back: in order, numbered, committed."""

    def head(self, room: str) -> Head:
        """Give where a room's log stands now; ``first`` rises as the log is trimmed."""

    async def read(self, room: str, after: int, limit: int) -> Sequence[Msg]:
        """Give at most ``limit`` committed entries that follow ``after`` and are still kept."""

    def facts(self) -> dict[tuple[str, str], str]:
        """Give all facts, as they were kept when the journal was opened."""

    def keep(self, changes: Facts, done: Kept) -> None:
        """Commit changes of facts, all or none, and then call ``done``: with the error, if they could not be kept."""
