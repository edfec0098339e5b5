"""The journal that keeps nothing but the numbers: for ``--journal none``. The ring is all the history there is."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from chatctl.journal import Deliver, Done, Draft, Facts, Head, Kept, Receipt
from chatctl.protocol import Msg

_IDS_KEPT = 100_000
"""Receipts of messages with an id, all rooms together: what a late repeat is recognised by."""

_ROOM = attrgetter("room")
_Key = tuple[str, bytes, str]


class MemoryJournal:
    """Numbers from 1 up in each room, until the process ends."""

    durability = "memory"

    def __init__(self, ids_kept: int = _IDS_KEPT) -> None:
        """Start with empty logs."""
        self._epoch = secrets.token_hex(8)
        self._last: dict[str, int] = {}
        self._followers: dict[str, list[Deliver]] = {}
        self._receipts: dict[_Key, Receipt] = {}
        self._ids_kept = ids_kept

    def append(self, batch: Sequence[Draft], done: Done) -> None:
        """See ``Journal.append``; everything happens before it returns."""
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
            if not draft.trace:
                yield Receipt(None, draft.time)
            elif draft.id and (first := self._first_coming(draft, seq + 1)):
                yield first
            elif not draft.anew:
                yield Receipt(None, draft.time)
            else:
                seq += 1
                entries.append(Msg(seq, draft.time, draft.nick, draft.text, draft.action))
                yield Receipt(seq, draft.time)
        self._last[room] = seq

    def _first_coming(self, draft: Draft, seq: int) -> Receipt | None:
        if not draft.token or not draft.id:
            return None
        key = (draft.room, draft.token, draft.id)
        if first := self._receipts.get(key):
            return Receipt(first.seq, first.time, duplicate=True)
        if not draft.anew:
            return None
        self._receipts[key] = Receipt(seq, draft.time)
        if len(self._receipts) > self._ids_kept:
            del self._receipts[next(iter(self._receipts))]
        return None

    def follow(self, room: str, deliver: Deliver) -> Head:
        """See ``Journal.follow``."""
        self._followers.setdefault(room, []).append(deliver)
        return self.head(room)

    def head(self, room: str) -> Head:
        """See ``Journal.head``: nothing that was said is kept here."""
        last = self._last.get(room, 0)
        return Head(self._epoch, last + 1, last)

    async def read(self, room: str, after: int, limit: int) -> Sequence[Msg]:
        """See ``Journal.read``: nothing is kept here."""
        return []

    def facts(self) -> dict[tuple[str, str], str]:
        """See ``Journal.facts``: there are none yet."""
        return {}

    def keep(self, changes: Facts, done: Kept) -> None:
        """See ``Journal.keep``: whoever changes them knows them, until the process ends."""
        done(None)
