"""The journal that keeps nothing but the numbers: for ``--journal none``. The ring is all the history there is."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from chatctl.journal import Deliver, Done, Draft, Facts, Head, Kept, Receipt
from chatctl.protocol import Msg

_IDS_KEPT = 100_000
"""Receipts of messages with an id, all rooms together: what a late repeat is recognised by."""

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
        fresh: dict[str, list[Msg]] = {}
        receipts = [self._commit(draft, fresh) for draft in batch]
        for room, entries in fresh.items():
            for deliver in self._followers.get(room, []):
                deliver(entries)
        done(receipts)

    def _commit(self, draft: Draft, fresh: dict[str, list[Msg]]) -> Receipt:
        if not draft.trace:
            return Receipt(None, draft.time)
        key = (draft.room, draft.token, draft.id) if draft.token and draft.id else None
        if key and (first := self._receipts.get(key)):
            return Receipt(first.seq, first.time, duplicate=True)
        seq = self._last[draft.room] = self._last.get(draft.room, 0) + 1
        entry = Msg(seq=seq, time=draft.time, nick=draft.nick, text=draft.text, action=draft.action)
        fresh.setdefault(draft.room, []).append(entry)
        receipt = Receipt(seq, draft.time)
        if key:
            self._remember(key, receipt)
        return receipt

    def _remember(self, key: _Key, receipt: Receipt) -> None:
        self._receipts[key] = receipt
        if len(self._receipts) > self._ids_kept:
            del self._receipts[next(iter(self._receipts))]

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
