"""The journal in memory, for ``--journal none``: numbers entries and keeps none. The ring is all the history."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from chatctl.common.text_search import Looked, Query
from chatctl.journal import Deliver, Draft, Facts, Head, OnAppended, OnKept, RebuildCost, Receipt
from chatctl.protocol import Msg

IDS_KEPT = 100_000
"""Receipts of messages with an id, in all rooms together, by which a repeat is recognised."""

ID_BYTES = 4096
"""A server keeps one for so many bytes of its memory; each takes about a tenth of that."""

_ROOM = attrgetter("room")
_Key = tuple[str, bytes, str]
_Kept = tuple[Receipt, int | None]
"""The receipt of the first message with an id, and a hash of what it said; None once that is redacted."""


class MemoryJournal:
    """Numbers from 1 up in each room, until the process ends."""

    durability = "memory"
    traces = ""

    def __init__(self, ids_kept: int = IDS_KEPT) -> None:
        """Start with empty logs."""
        self._epoch = secrets.token_hex(8)
        self._last: dict[str, int] = {}
        self._followers: dict[str, list[Deliver]] = {}
        self._receipts: dict[_Key, _Kept] = {}
        self._ids_kept = ids_kept

    def append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        """Implement ``Journal.append``; both callbacks run before it returns."""
        receipts: list[Receipt] = []
        for room, drafts in groupby(batch, _ROOM):
            entries: list[Msg] = []
            receipts += self._commit(room, drafts, entries)
            for deliver in self._followers.get(room, []) if entries else []:
                deliver(entries)
        done(receipts)

    def _commit(self, room: str, drafts: Iterable[Draft], entries: list[Msg]) -> Iterator[Receipt]:
        seq = self._last.get(room, 0)
        for draft in drafts:
            key = (room, draft.token, draft.id) if draft.persist and draft.token and draft.id else None
            if key is not None and (first := self._find_or_keep(key, draft, seq + 1)):
                yield first
            elif draft.persist and draft.append:
                seq += 1
                entries.append(Msg(seq, draft.time, draft.nick, draft.text, draft.action))
                yield Receipt(seq, draft.time)
            else:
                yield Receipt(None, draft.time)
        self._last[room] = seq

    def _find_or_keep(self, key: _Key, draft: Draft, seq: int) -> Receipt | None:
        """Return the receipt of the first message with this id; without one, keep that this is it."""
        said = hash((draft.text, draft.action))
        if kept := self._receipts.get(key):
            first, first_said = kept
            same = first_said in {said, None}
            return Receipt(first.seq, first.time, duplicate=same, reused=not same)
        if draft.append:
            self._receipts[key] = Receipt(seq, draft.time), said
            if len(self._receipts) > self._ids_kept:
                del self._receipts[next(iter(self._receipts))]
        return None

    def follow(self, room: str, deliver: Deliver) -> Head:
        """Implement ``Journal.follow``."""
        self._followers.setdefault(room, []).append(deliver)
        return self.head(room)

    def forget(self, room: str) -> None:
        """Implement ``Journal.forget``."""
        self._followers.pop(room, None)
        self._last.pop(room, None)

    def head(self, room: str) -> Head:
        """Return a head behind which no entry can be read."""
        return Head(self._epoch, None, self._last.get(room, 0))

    def reach(self, room: str, after: int, done: OnKept) -> None:
        """Implement ``Journal.reach``: nobody else writes into it."""
        done(None)

    def end_of(self, epoch: str, room: str) -> int | None:
        """Return None: the log of an earlier process is gone."""
        return None

    async def read(
        self, room: str, after: int, limit: int, *, most: int | None = None, newest: bool = False
    ) -> Sequence[Msg]:
        """Return nothing: entries are not kept."""
        return []

    async def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Return nothing: entries are not kept."""
        return Looked([], after + 1, None)

    def rooms(self) -> Collection[str]:
        """Implement ``Journal.rooms``."""
        return list(self._followers)

    async def said_by(self, nick: str, room: str) -> list[int]:
        """Return nothing: entries are not kept."""
        return []

    async def token_of(self, room: str, seq: int) -> bytes | None:
        """Return None: entries are not kept."""
        return None

    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        """Forget what the entries said; neither entries nor facts are kept."""
        gone = set(seqs)
        for key, (first, _) in self._receipts.items():
            if key[0] == room and first.seq in gone:
                self._receipts[key] = first, None

    async def rebuild(self) -> None:
        """Do nothing: there is no file."""

    async def cost(self) -> RebuildCost | None:
        """Return None: there is no file."""
        return None

    def facts(self) -> dict[tuple[str, str], str]:
        """Return nothing: facts are not persisted."""
        return {}

    def keep(self, changes: Facts, done: OnKept) -> None:
        """Report success. Facts are not persisted; the caller knows them until the process ends."""
        done(None)
