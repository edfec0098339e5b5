"""The ring: the newest part of a room's log, in memory, rendered for each dialect.

Lives here: which entries are kept, and the bytes that follow a cursor. Does not live here: the readers (room.py), where
numbers come from (journal/).
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.common.sizes import ENTRY_OVERHEAD, size_of_all
from chatctl.core.dialects import Dialect
from chatctl.core.memory import Share
from chatctl.protocol import Gap, Msg

WIRE_OVERHEAD = 160
"""Bytes of a cached rendering beside its own: the object, and its place in a dict."""

_COMPACT_AFTER = 1024
"""Dropped places at the head of the list that stay, empty, until they are deleted: that is linear in what is left."""

_WIRES_SHARE = 4
"""The cached renderings have one of so many parts of the bytes."""

_GONE = Msg(0, 0.0, "", "")
"""In the place of a dropped entry."""

_MAX_TOGETHER = 512
"""Most entries that are rendered together: about as many as a slice holds."""

_NONE: dict[int, bytes] = {}

UNRENDERABLE = "(this message can't be shown)"


class Ring:
    """Entries ``first`` to ``last``, dense. Empty when ``first == last + 1``."""

    def __init__(
        self, last: int = 0, *, max_entries: int = 100_000, max_bytes: int = 64 << 20, share: Share | None = None
    ) -> None:
        """Start empty, after entry ``last`` of the log. What is held is counted in ``share``, too."""
        self.last = last
        self._share = share or Share(max_bytes)
        self._max_entries = max_entries
        self._max_wired = max_bytes // _WIRES_SHARE
        self._max_size = max_bytes - self._max_wired
        self._size = 0  # of the entries
        self._wired = 0  # of the renderings
        self._base = last + 1  # the seq of _entries[0], dropped or not
        self._dead = 0  # dropped places at the head of the list
        self._entries: list[Msg] = []
        self._wires: dict[Dialect, dict[int, bytes]] = {}  # by seq, of entries that somebody lagged behind
        self._given: dict[Dialect, int] = {}  # the seq up to which everything was rendered at least once

    @property
    def first(self) -> int:
        """The seq of the oldest entry that is kept."""
        return self._base + self._dead

    @property
    def size(self) -> int:
        """The bytes that it holds: entries, renderings, and what it costs to keep both."""
        return self._size + self._wired

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
        self._count_entries(_cost(entries))
        if len(self) > self._max_entries:
            self._drop(len(self) - self._max_entries)
        if self._size > self._max_size:
            self._drop_to(self._max_size, last - 1)

    def shrink(self, max_bytes: int, keep_after: int) -> None:
        """Drop the oldest entries until no more than ``max_bytes`` are held; none that follows ``keep_after``."""
        if self.size > max_bytes:
            self._forget_wires()
            self._drop_to(max_bytes, keep_after)

    def _drop_to(self, max_bytes: int, keep_after: int) -> None:
        count, size = 0, self._size
        most = min(keep_after + 1 - self.first, len(self))
        while size > max_bytes and count < most:
            size -= _cost(self._entries[self._dead + count : self._dead + count + 1])
            count += 1
        self._drop(count)

    def _drop(self, count: int) -> None:
        if count <= 0:
            return
        dropped = slice(self._dead, self._dead + count)
        self._count_entries(-_cost(self._entries[dropped]))
        if self._wired:
            for seq in range(self.first, self.first + count):
                self._forget_wire(seq)
        self._entries[dropped] = [_GONE] * count
        self._dead += count
        if self._dead > max(_COMPACT_AFTER, len(self)):
            self._compact()

    def _forget_wires(self) -> None:
        self._wires.clear()
        self._count_wires(-self._wired)

    def _count_entries(self, size: int) -> None:
        self._size += size
        self._share.used += size

    def _count_wires(self, size: int) -> None:
        self._wired += size
        self._share.used += size

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

    def truncate(self, last: int) -> None:
        """Drop all entries that follow number ``last``: the log has lost them, and goes on from there."""
        if last >= self.last:
            return
        if last < self.first:
            self._count_entries(-self._size)
            self._entries, self._base, self._dead = [], last + 1, 0
        else:
            kept = last + 1 - self._base
            self._count_entries(-_cost(self._entries[kept:]))
            del self._entries[kept:]
        self._forget_wires()
        self._given.clear()
        self.last = last

    def redact(self, seqs: Sequence[int]) -> None:
        """Empty entries, and forget their bytes. Those that are not here are ignored."""
        for seq in seqs:
            if not self.first <= seq <= self.last:
                continue
            index = seq - self._base
            before = self._entries[index]
            after = self._entries[index] = Msg(seq, before.time, "", "", redacted=True)
            self._count_entries(_cost([after]) - _cost([before]))
            self._forget_wire(seq)

    def _forget_wire(self, seq: int) -> None:
        for wires in self._wires.values():
            if wire := wires.pop(seq, None):
                self._count_wires(-len(wire) - WIRE_OVERHEAD)

    def _compact(self) -> None:
        del self._entries[: self._dead]
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
        """Render an entry once for all readers that lag, as far as there is room for that."""
        wires = self._wires.get(dialect, _NONE)
        wire = wires.get(seq)
        if wire is None:
            wire = _render(dialect, self._entries[seq - self._base])
            cost = len(wire) + WIRE_OVERHEAD
            if self._wired + cost > self._max_wired:
                self._forget_wires()
            if cost <= self._max_wired and not self._share.is_full:
                self._wires.setdefault(dialect, {})[seq] = wire
                self._count_wires(cost)
        return wire


def _cost(entries: Sequence[Msg]) -> int:
    return ENTRY_OVERHEAD * len(entries) + size_of_all([entry.text for entry in entries])


def _render(dialect: Dialect, entry: Msg) -> bytes:
    """Render one entry; a placeholder if that fails, for no entry may stop a room."""
    try:
        return dialect.render(entry)
    except Exception:  # noqa: BLE001 — whatever it is, every cursor must get past it
        return dialect.render(Msg(seq=entry.seq, time=entry.time, nick=entry.nick, text=UNRENDERABLE))
