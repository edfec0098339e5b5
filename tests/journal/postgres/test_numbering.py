"""What the engine is asked of a group of batches, and the receipts: the same as those of the journal in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.journal import Draft, Receipt
from chatctl.journal.memory import MemoryJournal
from chatctl.journal.postgres.numbering import ADDED, REPEATED, REUSED, UNKNOWN, Answer, Group
from chatctl.protocol import Msg
from tests.support.journals import ALICE, BOB, draft

DRAFTS = st.builds(
    draft,
    st.sampled_from(["yes", "no"]),
    room=st.sampled_from(["lobby", "ops"]),
    token=st.sampled_from([None, ALICE, BOB]),
    id=st.sampled_from([None, "k", "l"]),
    persist=st.booleans(),
    append=st.booleans(),
)


class TableEngine:
    """Answers as the function ``append`` does, from a table in memory."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.ids: dict[tuple[object, ...], tuple[int, tuple[str, bool]]] = {}

    def append(self, group: Group) -> Answer:
        seqs: list[int | None] = []
        kinds: list[int] = []
        fresh: dict[tuple[object, ...], tuple[int, tuple[str, bool]]] = {}
        for room, _, text, action, token, id, new, *_ in zip(*group.columns(), strict=True):  # noqa: A001
            known = self.ids.get((room, token, id)) if token is not None else None
            if known is not None:
                seqs.append(known[0])
                kinds.append(REPEATED if known[1] == (text, action) else REUSED)
            elif new:
                self.last[str(room)] = seq = self.last.get(str(room), 0) + 1
                seqs.append(seq)
                kinds.append(ADDED)
                if token is not None:
                    fresh[room, token, id] = seq, (str(text), bool(action))
            else:
                seqs.append(None)
                kinds.append(UNKNOWN)
        self.ids |= fresh
        return seqs, [1_700_000_000.5] * len(seqs), kinds


@given(st.lists(st.lists(DRAFTS, max_size=4), max_size=4), st.lists(DRAFTS, max_size=4))
def test_receipts_and_entries_are_those_of_any_other_journal(batches: list[list[Draft]], later: list[Draft]) -> None:
    """Whatever repeats whatever, in one batch, one group or a later one."""
    memory, engine = MemoryJournal(), TableEngine()
    shown: dict[str, list[Msg]] = {"lobby": [], "ops": []}
    for room in shown:
        memory.follow(room, shown[room].extend)
    for group in (batches, [later]):
        expected: list[list[Receipt]] = []
        for entries in shown.values():
            entries.clear()
        for batch in group:
            memory.append(batch, expected.append)  # type: ignore[arg-type]
        asked = Group(group)
        result = asked.result(engine.append(asked))
        assert result.receipts == expected
        assert result.entries == {room: entries for room, entries in shown.items() if entries}


def test_a_probe_asks_nothing_of_the_engine() -> None:
    assert Group([[draft(persist=False)]]).columns()[0] == []


def test_half_a_character_is_found_before_it_is_sent() -> None:
    with pytest.raises(UnicodeError):
        Group([[draft("\ud800")]]).columns()
