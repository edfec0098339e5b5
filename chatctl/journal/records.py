"""Records: what a journal's store knows of each room, and what came of a transaction. No I/O."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from chatctl.journal import Receipt
from chatctl.protocol import Msg


def new_epoch(room: str = "", secret: bytes = b"") -> str:
    """Return a name that no other log has; with a ``secret``, always the same for the same room."""
    return hashlib.blake2b(room.encode(), key=secret or secrets.token_bytes(16), digest_size=8).hexdigest()


@dataclass(slots=True)
class RoomRecord:
    """One room as its newest transaction left it: the store holds entries ``first`` to ``last``."""

    id: int
    name: str
    epoch: str
    first: int = 1
    last: int = 0
    time: float = 0.0
    """Of the newest entry when the store was opened, in Unix seconds."""

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return self.last + 1 - self.first

    def __bool__(self) -> bool:
        """Return True: it is a room without entries, too."""
        return True


@dataclass(frozen=True, slots=True)
class Committed:
    """The result of one transaction: new entries by room, and the receipts of each batch."""

    entries: dict[str, list[Msg]] = field(default_factory=dict)
    receipts: list[list[Receipt]] = field(default_factory=list)
