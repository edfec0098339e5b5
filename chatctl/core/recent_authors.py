"""Recent authors: who said the latest entries of a room, as marks that reveal neither tokens nor keys.

An entry has a nickname and no owner. While a room has open questions the server remembers whose its entries are, and
tells only the holder of a question. Source: docs/protocol.md, "Leases".
"""

from __future__ import annotations

import hashlib

from chatctl.core.lease import marks_of
from chatctl.core.name_ownership import Owner

MAX_ENTRIES = 1_000
MAX_ROOMS = 64
"""Entries of one room whose authors are remembered, and rooms: some 10 MB."""


class RecentAuthors:
    """The owners of entries, by room and seq."""

    def __init__(self) -> None:
        """Remember none."""
        self._owners: dict[str, dict[int, Owner]] = {}

    def note(self, room: str, seq: int, owner: Owner) -> None:
        """Remember who said an entry; forget the oldest ones beyond the bounds."""
        owners = self._owners.setdefault(room, {})
        owners[seq] = owner
        if len(owners) > MAX_ENTRIES:
            del owners[next(iter(owners))]
        if len(self._owners) > MAX_ROOMS:
            del self._owners[next(iter(self._owners))]

    def forget(self, room: str) -> None:
        """Forget all of a room."""
        self._owners.pop(room, None)

    def find(self, room: str, seq: int) -> Owner | None:
        """Return who said an entry, if that is remembered."""
        return self._owners.get(room, {}).get(seq)


def opaque_marks(owner: Owner, secret: str) -> list[str]:
    """Return what two entries of one owner have in common, as a hash under ``secret``: it means nothing elsewhere."""
    return sorted(
        hashlib.blake2b(mark.encode(), key=secret.encode(), digest_size=12).hexdigest() for mark in marks_of(owner)
    )
