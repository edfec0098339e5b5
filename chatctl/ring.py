"""The ring: the newest part of a room's log, in memory, with its bytes in each dialect that is spoken.

Lives here: what is kept, what is forgotten, and the bytes between two cursors. Does not live here: who reads
(room.py), where numbers come from (journal/).
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.dialects import Dialect
from chatctl.protocol import Gap, Msg

ENTRY_OVERHEAD = 400
"""Bytes that an entry costs beside its text and nickname: the objects and one rendering's frame."""

_COMPACT_AFTER = 1024
"""Forgotten entries stay at the head of the lists until there are so many: deleting is linear in what is left."""

UNRENDERABLE = "(this message can't be shown)"


class Ring:
    """Entries ``first`` to ``last``, dense. Empty when ``first == last + 1``."""

    def __init__(self, last: int = 0, *, max_entries: int = 100_000, max_bytes: int = 64 << 20) -> None:
        """Start empty, behind entry ``last`` of the log."""
        self.last = last
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size = 0
        self._base = last + 1  # the seq of _entries[0], forgotten or not
        self._dead = 0  # forgotten entries at the head of the lists
        self._entries: list[Msg] = []
        self._wires: dict[Dialect, list[bytes | None]] = {}

    @property
    def first(self) -> int:
        """The seq of the oldest entry that is kept."""
        return self._base + self._dead

    def __len__(self) -> int:
        return self.last + 1 - self.first

    def append(self, entry: Msg) -> None:
        """Take the log's next entry, and forget what no longer fits."""
        if entry.seq != self.last + 1:
            raise ValueError(f"entry {entry.seq} does not follow {self.last}")
        self.last = entry.seq
        self._entries.append(entry)
        for wires in self._wires.values():
            wires.append(None)
        self._size += _cost(entry)
        while len(self) > self._max_entries or (self._size > self._max_bytes and len(self) > 1):
            self._size -= _cost(self._entries[self._dead])
            self._dead += 1
        if self._dead > max(_COMPACT_AFTER, len(self)):
            self._compact()

    def fill(self, entries: Sequence[Msg]) -> None:
        """Take, while still empty, what the log holds up to ``last``: the newest entries, dense."""
        if len(self) or self._wires:
            raise ValueError("only an empty ring can be filled")
        if entries[-1].seq != self.last:
            raise ValueError(f"entry {entries[-1].seq} is not {self.last}")
        self.last = entries[0].seq - 1
        self._base = entries[0].seq
        self._dead = 0
        for entry in entries:
            self.append(entry)

    def _compact(self) -> None:
        del self._entries[: self._dead]
        for wires in self._wires.values():
            del wires[: self._dead]
        self._base += self._dead
        self._dead = 0

    def entries(self, after: int, limit: int) -> Sequence[Msg]:
        """Give at most ``limit`` kept entries that follow ``after``."""
        start = max(after + 1, self.first) - self._base
        return self._entries[start : start + limit]

    def take(self, dialect: Dialect, after: int, max_bytes: int) -> tuple[bytes, int]:
        """Give the bytes that follow cursor ``after``, and where the cursor stands then.

        What was forgotten is announced as a gap first. At least one entry is given if there is one, more while they
        fit into ``max_bytes``.
        """
        parts: list[bytes] = []
        if after + 1 < self.first:
            gap = Gap(from_=after + 1, to=self.first - 1, why="slow")
            parts.append(dialect.render(gap))
            after = self.first - 1
        size = 0
        while after < self.last and (size < max_bytes):
            wire = self._wire(dialect, after + 1)
            if size and size + len(wire) > max_bytes:
                break
            parts.append(wire)
            size += len(wire)
            after += 1
        return b"".join(parts), after

    def _wire(self, dialect: Dialect, seq: int) -> bytes:
        """Render an entry once for all who speak the dialect."""
        wires = self._wires.get(dialect)
        if wires is None:
            wires = self._wires[dialect] = [None] * len(self._entries)
        index = seq - self._base
        wire = wires[index]
        if wire is None:
            wire = wires[index] = _render(dialect, self._entries[index])
        return wire


def _cost(entry: Msg) -> int:
    return ENTRY_OVERHEAD + 2 * (len(entry.text) + len(entry.nick))


def _render(dialect: Dialect, entry: Msg) -> bytes:
    """No entry may stop a room: one that can't be rendered is shown as a placeholder."""
    try:
        return dialect.render(entry)
    except Exception:  # noqa: BLE001 — whatever it is, everybody's cursor must get past it
        return dialect.render(Msg(seq=entry.seq, time=entry.time, nick=entry.nick, text=UNRENDERABLE))
