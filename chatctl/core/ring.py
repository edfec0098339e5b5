"""The ring: the newest part of a room's log, in memory, with its bytes in each dialect that is spoken.

Lives here: what is kept, what is forgotten, and the bytes between two cursors. Does not live here: who reads
(room.py), where numbers come from (journal/).
"""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.core.dialects import Dialect
from chatctl.protocol import Gap, Msg

ENTRY_OVERHEAD = 460
"""Bytes that an entry costs beside its text: the objects, and one rendering's frame and nickname."""

_COMPACT_AFTER = 1024
"""Forgotten entries stay at the head of the lists until there are so many: deleting is linear in what is left."""

_MAX_NEWS = 512
"""Entries that are rendered together at most: about as many as a slice holds."""

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
        self._given: dict[Dialect, int] = {}  # up to this seq everything was rendered at least once

    @property
    def first(self) -> int:
        """The seq of the oldest entry that is kept."""
        return self._base + self._dead

    def __len__(self) -> int:
        return self.last + 1 - self.first

    def extend(self, entries: Sequence[Msg]) -> None:
        """Take the log's next entries, and forget what no longer fits."""
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
        self._forget(len(self) - self._max_entries)
        while self._size > self._max_bytes and len(self) > 1:
            self._forget(1)
        if self._dead > max(_COMPACT_AFTER, len(self)):
            self._compact()

    def _forget(self, count: int) -> None:
        if count > 0:
            self._size -= _cost(self._entries[self._dead : self._dead + count])
            self._dead += count

    def fill(self, entries: Sequence[Msg]) -> None:
        """Take, while still empty, what the log holds up to ``last``: the newest entries, dense."""
        if len(self) or self._wires:
            raise ValueError("only an empty ring can be filled")
        if entries[-1].seq != self.last:
            raise ValueError(f"entry {entries[-1].seq} is not {self.last}")
        self.last = entries[0].seq - 1
        self._base = entries[0].seq
        self._dead = 0
        self.extend(entries)

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
        if after + 1 < self.first:
            gap = dialect.render(Gap(from_=after + 1, to=self.first - 1, why="slow"))
            data, after = self.take(dialect, self.first - 1, max_bytes)
            return gap + data, after
        news = self._news(dialect, after, max_bytes)
        return (news, self.last) if news else self._kept(dialect, after, max_bytes)

    def _news(self, dialect: Dialect, after: int, max_bytes: int) -> bytes:
        """Render what nobody was given yet, all together; nothing if it does not fit, or is none.

        It is not kept: most readers stand here and are given the same bytes in the same sweep.
        """
        if not self._given.get(dialect, 0) <= after < self.last <= after + _MAX_NEWS:
            return b""
        self._given[dialect] = self.last
        try:
            data = dialect.render_run(self._entries[after + 1 - self._base :])
        except Exception:  # noqa: BLE001 — one by one it will be found which one it is
            return b""
        return data if len(data) <= max_bytes else b""

    def _kept(self, dialect: Dialect, after: int, max_bytes: int) -> tuple[bytes, int]:
        """Give what those get who do not stand where most do. Rendered entry by entry, and kept for the next one."""
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
        """Render an entry once for all who lag."""
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
    """No entry may stop a room: one that can't be rendered is shown as a placeholder."""
    try:
        return dialect.render(entry)
    except Exception:  # noqa: BLE001 — whatever it is, everybody's cursor must get past it
        return dialect.render(Msg(seq=entry.seq, time=entry.time, nick=entry.nick, text=UNRENDERABLE))
