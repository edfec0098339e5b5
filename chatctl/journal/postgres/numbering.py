"""Numbering: what a group of batches asks of the engine, and the receipts that follow from its answer.

The engine numbers all drafts of a group in one statement, and so can't see an earlier draft of the same group: repeats
within it are recognised here. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chatctl.journal import Draft, FactKey, Poster, Receipt
from chatctl.journal.postgres.texts import to_engine
from chatctl.journal.records import Committed
from chatctl.protocol import Msg

ADDED, REPEATED, REUSED, UNKNOWN, TAKEN = range(5)
"""The kinds of the function ``append`` (layout.py)."""

COLUMN_TYPES = "text", "text", "text", "boolean", "bytea", "text", "boolean", "integer", "text", "text", "text"
"""Of the columns of drafts that ``append`` takes."""

Answer = tuple[Sequence[int | None] | None, Sequence[float] | None, Sequence[int] | None]


class Group:
    """The drafts of one transaction."""

    def __init__(self, batches: Sequence[Sequence[Draft]]) -> None:
        """Sort the drafts: those that the engine has to see become rows."""
        self.batches = batches
        self.new_rooms: dict[str, str] | None = None
        """The rooms that go with it, and their epochs; None: it was not sent yet."""
        self.facts: set[FactKey] = set()
        """Those that may get a number."""
        self._drafts: list[Draft] = []
        self._new: list[bool] = []
        self._leader: list[int | None] = []  # of each row: the row further up that its id would have been kept with
        leaders: dict[tuple[str, bytes, str], int] = {}
        for batch in batches:
            for draft in batch:
                if _is_asked(draft):
                    self._add(draft, leaders)

    def _add(self, draft: Draft, leaders: dict[tuple[str, bytes, str], int]) -> None:
        leader = None
        if draft.token and draft.id:
            key = (draft.room, draft.token, draft.id)
            leader = leaders.get(key)
            if leader is None and draft.append:
                leaders[key] = len(self._drafts)
        self._new.append(draft.append and leader is None)
        self._leader.append(leader)
        self._drafts.append(draft)
        if draft.seq_fact is not None:
            self.facts.add(draft.seq_fact)

    @property
    def rooms(self) -> set[str]:
        """The rooms of the drafts that the engine has to see."""
        return {draft.room for draft in self._drafts}

    def columns(self) -> tuple[list[object], ...]:
        """Return the rows as the columns that ``append`` takes, from ``of_room`` on. Raises UnicodeError."""
        rows = self._drafts
        texts = [to_engine(draft.text) for draft in rows]
        for text in texts:
            text.encode()  # a lone surrogate is this batch's fault alone
        ids = [to_engine(draft.id) if draft.token and draft.id else None for draft in rows]
        tokens = [draft.token if draft.id else None for draft in rows]
        return (
            [draft.room for draft in rows],
            [to_engine(draft.nick) for draft in rows],
            list(texts),
            [draft.action for draft in rows],
            list(tokens),
            list(ids),
            list(self._new),
            [None if leader is None else leader + 1 for leader in self._leader],
            [None if draft.seq_fact is None else to_engine(draft.seq_fact[0]) for draft in rows],
            [None if draft.seq_fact is None else to_engine(draft.seq_fact[1]) for draft in rows],
            [None if draft.poster is None else _poster(draft.poster, draft.token) for draft in rows],
        )

    def result(self, answer: Answer) -> Committed:
        """Return the new entries by room, and the receipts, of what ``append`` returned."""
        result = Committed()
        receipts: list[Receipt] = []
        for row, (draft, seq, time, kind) in enumerate(
            zip(self._drafts, answer[0] or (), answer[1] or (), answer[2] or (), strict=True)
        ):
            receipts.append(self._receipt(row, receipts, seq, time, kind))
            if kind == ADDED and seq is not None:
                entry = Msg(seq, time, draft.nick, draft.text, draft.action)
                result.entries.setdefault(draft.room, []).append(entry)
        answered = iter(receipts)
        for batch in self.batches:
            result.receipts.append(
                [next(answered) if _is_asked(draft) else Receipt(None, draft.time) for draft in batch]
            )
        return result

    def _receipt(self, row: int, before: Sequence[Receipt], seq: int | None, time: float, kind: int) -> Receipt:
        if kind == ADDED:
            return Receipt(seq, time)
        if kind in (REPEATED, REUSED):
            return Receipt(seq, time, duplicate=kind == REPEATED, reused=kind == REUSED)
        leader, draft = self._leader[row], self._drafts[row]
        if leader is None or before[leader].taken:
            return Receipt(None, draft.time, taken=kind == TAKEN or leader is not None)
        first = self._drafts[leader]
        same = (first.text, first.action) == (draft.text, draft.action)
        return Receipt(before[leader].seq, before[leader].time, duplicate=same, reused=not same)


def _poster(poster: Poster, token: bytes | None) -> str:
    """Return who posts as the function ``append`` compares it with the members."""
    proofs = {"token": token.hex() if token is not None else None, "key": poster.key}
    return msgspec.json.encode({"looks": sorted(poster.looks), **proofs}).decode()


def _is_asked(draft: Draft) -> bool:
    """Return whether the engine has to see a draft: probes store nothing, and without an id nothing is looked up."""
    return draft.persist and (draft.append or bool(draft.token and draft.id))
