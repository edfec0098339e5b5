"""Searching a schema: the engine finds the candidates, Python decides, and no look keeps the thread for long."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.text_search import Looked, Query
from chatctl.journal.postgres import reading
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.store import Store
from chatctl.protocol import Search
from tests.support.journals import ROOM, draft

ODD = "aAiIkKsSſßİıﬁéÉe\u0301\u0307\u212a語\0\x1a %_'\"\\\n"


@pytest.fixture
def store(place: PostgresPlace) -> Iterator[Store]:
    with closing(Store(place)) as store:
        store.add_room(ROOM, store.epoch_of_new(ROOM))
        yield store


def said(store: Store, *texts: str, number: int = 1) -> None:
    store.commit(number, Group([[draft(text) for text in texts]]))


def look(store: Store, text: str, after: int = 0, before: int = 999, limit: int = 99) -> Looked:
    return store.search(ROOM, Query.of(Search(text)), after, before, limit)


def test_the_newest_come_first_and_it_says_how_far_it_looked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SEARCH_PIECE", 3)
    monkeypatch.setattr(reading, "SEARCH_SECONDS", 60.0)
    said(store, *[f"m{n}" for n in range(1, 21)])
    times = {entry.seq: entry.time for entry in store.read(ROOM, 0, 99)}
    found, before, time = look(store, "M1")
    assert [entry.text for entry in found] == ["m19", *[f"m1{n}" for n in range(8, -1, -1)], "m1"]
    assert (before, time) == (1, times[1])
    found, before, time = look(store, "m1", before=19, limit=2)
    assert ([entry.seq for entry in found], before, time) == ([18, 17], 17, times[17])
    assert look(store, "m2", after=5, before=15) == Looked([], 6, times[6])
    assert look(store, "m", after=5, before=6) == Looked([], 6, None)
    assert store.search("nowhere", Query("m"), 0, 99, 99) == Looked([], 1, None)


def test_what_the_engine_leaves_out_is_not_found_by_python_either(store: Store) -> None:
    """Whatever might fold to what is searched for has to come out of it."""
    dice = random.Random(7)
    texts = ["".join(dice.choices(ODD, k=dice.randint(1, 5))) for _ in range(300)]
    said(store, *texts)
    every = store.read(ROOM, 0, 999)
    assert [entry.text for entry in every] == texts
    for wanted in [*ODD, *("".join(dice.choices(ODD, k=2)) for _ in range(100))]:
        asked = Query.of(Search(wanted))
        expected = [entry for entry in every if asked.finds(entry)][::-1]
        assert look(store, wanted, limit=999).found == expected, wanted


def test_what_is_redacted_or_trimmed_is_not_found(store: Store) -> None:
    said(store, *[f"secret {n}" for n in range(30)])
    store.change(2, {}, ROOM, [25, 26])
    store.trim(store.rooms[ROOM], 21, None, 0.0, 100)
    assert [entry.seq for entry in look(store, "secret").found] == [30, 29, 28, 27, 24, 23, 22, 21]
    assert look(store, "secret", before=21).found == []


def test_a_look_that_takes_long_stops_and_the_next_one_goes_on_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits wait for it meanwhile. Nothing is left out."""
    monkeypatch.setattr(reading, "SEARCH_PIECE", 2)
    monkeypatch.setattr(reading, "SEARCH_SECONDS", 0.0)
    said(store, *["ä"] * 5)
    before, steps = 6, []
    while before > 1:
        found, before, _ = look(store, "Ä", before=before)
        steps.append([entry.seq for entry in found])
    assert steps == [[5, 4], [3, 2], [1]]


def test_the_number_of_a_message_is_a_change_that_other_servers_see(place: PostgresPlace) -> None:
    """In the transaction of the message: also that of a repeat, in the same group or a later one."""
    ask = draft("go?", token=b"t", id="q")
    with closing(Store(place, shared=True)) as one, closing(Store(place, shared=True)) as other:
        one.add_room(ROOM, one.epoch_of_new(ROOM))
        keeping = [draft("go?", token=b"t", id="q", seq_fact=("asked", name)) for name in ("first", "again")]
        reused = draft("stop?", token=b"t", id="q", seq_fact=("asked", "other"))
        one.commit(1, Group([[draft(), *keeping, reused]]))
        changes = other.look(None).changes
        assert changes is not None
        assert changes.facts == {("asked", "first"): "2", ("asked", "again"): "2"}
        later = draft("go?", token=b"t", id="q", seq_fact=("asked", "later"))
        assert other.commit(1, Group([[later, ask]])).receipts[0][0].duplicate
        assert one.look(None).changes.facts[("asked", "later")] == "2"  # type: ignore[union-attr]
