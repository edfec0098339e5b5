"""The ring: the newest part of a room's log, in memory, rendered for each dialect.

Lives here: which entries are kept, and the bytes that follow a cursor. Does not live here: the readers (room.py), where
numbers come from (journal/).
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.core.dialects import Dialect
from chatctl.protocol import Gap, Msg

ENTRY_OVERHEAD = 460
"""Bytes of an entry beside its text: the objects, and one rendering's frame and nickname."""

_COMPACT_AFTER = 1024
"""Dropped entries that stay at the head of the lists until they are deleted: deleting is linear in what is left."""

_MAX_TOGETHER = 512
"""Most entries that are rendered together: about as many as a slice holds."""

UNRENDERABLE = "(this message can't be shown)"


class Ring:
    """Entries ``first`` to ``last``, dense. Empty when ``first == last + 1``."""

    def __init__(self, last: int = 0, *, max_entries: int = 100_000, max_bytes: int = 64 << 20) -> None:
        """Start empty, after entry ``last`` of the log."""
        self.last = last
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size = 0
        self._base = last + 1  # the seq of _entries[0], dropped or not
        self._dead = 0  # dropped entries at the head of the lists
        self._entries: list[Msg] = []
        self._wires: dict[Dialect, list[bytes | None]] = {}
        self._given: dict[Dialect, int] = {}  # the seq up to which everything was rendered at least once

    @property
    def first(self) -> int:
        """The seq of the oldest entry that is kept."""
        return self._base + self._dead

    def __len__(self) -> int:
        return self.last + 1 - self.first

    def extend(self, entries: Sequence[Msg]) -> None:
        """Append the log's next entries, and drop the oldest that no longer fit. Raises ValueError for a wrong seq."""
        if not entries:
            return
        last = self.last + len(entries)
        if entries[0].seq != self.last + 1 or entries[-1].seq != last:
            raise ValueError(f"entries {entries[0].seq} to {entries[-1].seq} do not follow {self.last}")
        self.last = last
        self._entries += entries
        for wires in self._wires.values():
            wires += [None] * len(entries)
        self._size += _cost(entries)
        self._drop(len(self) - self._max_entries)
        while self._size > self._max_bytes and len(self) > 1:
            self._drop(1)
        if self._dead > max(_COMPACT_AFTER, len(self)):
            self._compact()

    def _drop(self, count: int) -> None:
        if count > 0:
            self._size -= _cost(self._entries[self._dead : self._dead + count])
            self._dead += count

    def fill(self, entries: Sequence[Msg]) -> None:
        """Fill an empty ring with the newest entries, dense up to ``last``. Raises ValueError for any others."""
        if len(self) or self._wires:
            raise ValueError("only an empty ring can be filled")
        if entries[-1].seq != self.last:
            raise ValueError(f"entry {entries[-1].seq} is not {self.last}")
        self.last = entries[0].seq - 1
        self._base = entries[0].seq
        self._dead = 0
        self.extend(entries)

    def redact(self, seqs: Sequence[int]) -> None:
        """Empty entries, and forget their bytes. Those that are not here are ignored."""
        for seq in seqs:
            if not self._base <= seq <= self.last:
                continue
            index = seq - self._base
            before = self._entries[index]
            self._entries[index] = Msg(seq, before.time, "", "", redacted=True)
            if seq >= self.first:
                self._size += _cost([self._entries[index]]) - _cost([before])
            for wires in self._wires.values():
                wires[index] = None

    def _compact(self) -> None:
        del self._entries[: self._dead]
        for wires in self._wires.values():
            del wires[: self._dead]
        self._base += self._dead
        self._dead = 0

    def entries(self, after: int, limit: int) -> Sequence[Msg]:
        """Return at most ``limit`` entries that follow ``after``."""
        start = max(after + 1, self.first) - self._base
        return self._entries[start : start + limit]

    def take(self, dialect: Dialect, after: int, max_bytes: int) -> tuple[bytes, int]:
        """Return the bytes that follow cursor ``after``, and the cursor behind them.

        Dropped entries are announced as a gap first. At least one entry is returned if there is one, more while they
        fit into ``max_bytes``.
        """
        if after + 1 < self.first:
            gap = dialect.render(Gap(from_=after + 1, to=self.first - 1, why="slow"))
            data, after = self.take(dialect, self.first - 1, max_bytes)
            return gap + data, after
        data = self._render_new(dialect, after, max_bytes)
        return (data, self.last) if data else self._cached(dialect, after, max_bytes)

    def _render_new(self, dialect: Dialect, after: int, max_bytes: int) -> bytes:
        """Render entries that no reader has yet, all together; return nothing if they do not fit, or there are none.

        Not cached: most readers stand here and are sent the same bytes in the same sweep.
        """
        if not self._given.get(dialect, 0) <= after < self.last <= after + _MAX_TOGETHER:
            return b""
        self._given[dialect] = self.last
        try:
            data = dialect.render_run(self._entries[after + 1 - self._base :])
        except Exception:  # noqa: BLE001 — rendered one by one, it turns out which entry it is
            return b""
        return data if len(data) <= max_bytes else b""

    def _cached(self, dialect: Dialect, after: int, max_bytes: int) -> tuple[bytes, int]:
        """Return the bytes for a reader that lags: rendered entry by entry, and cached for the next one."""
        parts: list[bytes] = []
        size = 0
        while after < self.last and size < max_bytes:
            wire = self._wire(dialect, after + 1)
            if size and size + len(wire) > max_bytes:
                break
            parts.append(wire)
            size += len(wire)
            after += 1
        return b"".join(parts), after

    def _wire(self, dialect: Dialect, seq: int) -> bytes:
        """Render an entry once for all readers that lag."""
        wires = self._wires.get(dialect)
        if wires is None:
            wires = self._wires[dialect] = [None] * len(self._entries)
        index = seq - self._base
        wire = wires[index]
        if wire is None:
            wire = wires[index] = _render(dialect, self._entries[index])
        return wire


def _cost(entries: Sequence[Msg]) -> int:
    return ENTRY_OVERHEAD * len(entries) + 2 * sum([len(entry.text) for entry in entries])


def _render(dialect: Dialect, entry: Msg) -> bytes:
    """Render one entry; a placeholder if that fails, for no entry may stop a room."""
    try:
        return dialect.render(entry)
    except Exception:  # noqa: BLE001 — whatever it is, every cursor must get past it
        return dialect.render(Msg(seq=entry.seq, time=entry.time, nick=entry.nick, text=UNRENDERABLE))
