"""The statements on a schema: once under each number, in pieces, and as safe as was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.store import Store
from tests.support.engine import Engine
from tests.support.journals import ROOM, draft


@pytest.fixture
def store(place: PostgresPlace) -> Iterator[Store]:
    with closing(Store(place)) as store:
        store.add_room(ROOM, store.epoch_of_new(ROOM))
        yield store


def said(store: Store) -> list[str]:
    return [entry.text for entry in store.read(ROOM, 0, 100)]


def test_a_commit_that_is_repeated_under_its_number_is_answered_and_not_made_twice(store: Store) -> None:
    """Its first answer was lost with a connection. Nobody gave these messages an id."""
    group = Group([[draft("a"), draft("b")], [draft("c", persist=False)]])
    first = store.commit(1, group)
    store.rooms[ROOM].last = 0  # as it was before
    again = store.commit(1, group)
    assert (again.receipts, again.entries) == (first.receipts, first.entries)
    assert said(store) == ["a", "b"]
    assert [entry.seq for entry in store.commit(2, Group([[draft("d")]])).entries[ROOM]] == [3]


def test_a_repeat_waits_for_the_first_call_if_that_is_still_running(store: Store, place: PostgresPlace) -> None:
    """A statement that was given up goes on in the engine, and may commit after the repeat has come."""
    blocked = psycopg.connect(place.uri)
    blocked.execute(f"SELECT {place.schema}.append(%s, 1, '{{lobby}}', '{{e}}', '{{lobby}}', '{{a}}', '{{once}}',"
                    " '{f}', '{NULL}', '{NULL}', '{t}', '{NULL}', '{NULL}', '{NULL}', NULL)", (store.sid,))  # fmt: skip
    assert store._db is not None
    store._db.seconds = 0.3
    with pytest.raises(psycopg.OperationalError):
        store.commit(1, Group([[draft("once")]]))
    blocked.commit()
    blocked.close()
    store.reconnect()
    store.commit(1, Group([[draft("once")]]))
    assert said(store) == ["once"]


def test_a_change_of_facts_is_made_once_too(store: Store, engine: Engine, place: PostgresPlace) -> None:
    store.change(1, {("a", "b"): "c", ("d", "e"): "f"})
    store.change(1, {("a", "b"): "c", ("d", "e"): "f"})
    assert store.version == 1
    store.change(2, {("a", "b"): None, ("d", "e"): "g\0"})
    rows = engine.sql(f"SELECT kind, key, value, version FROM {place.schema}.facts ORDER BY kind", database="chat")
    assert rows == [("a", "b", None, 2), ("d", "e", "g\x1a\x1b", 2)], "that it was removed is known to others"
    store.close()
    with closing(Store(place)) as again:
        assert again.facts == {("d", "e"): "g\0"}


def test_others_need_not_be_told_for_ever_what_was_removed(store: Store, engine: Engine, place: PostgresPlace) -> None:
    engine.sql(f"INSERT INTO {place.schema}.facts VALUES ('old', '', NULL, 1), ('kept', '', 'x', 1)", database="chat")
    engine.sql(f"INSERT INTO {place.schema}.redactions VALUES (1, 'lobby', '{{1}}')", database="chat")
    engine.sql(f"UPDATE {place.schema}.house SET version = 20000", database="chat")
    store.change(1, {("new", ""): None})
    rows = engine.sql(f"SELECT kind FROM {place.schema}.facts ORDER BY kind", database="chat")
    assert rows == [("kept",), ("new",)]
    assert engine.sql(f"SELECT * FROM {place.schema}.redactions", database="chat") == []


def test_rooms_that_were_added_meanwhile_are_not_taken_for_stored_with_a_repeat(
    store: Store, engine: Engine, place: PostgresPlace
) -> None:
    group = Group([[draft()]])
    store.commit(1, group)
    store.add_room("ops", store.epoch_of_new("ops"))
    store.commit(1, group)
    store.commit(2, Group([]))
    assert engine.sql(f"SELECT name FROM {place.schema}.rooms ORDER BY name", database="chat") == [(ROOM,), ("ops",)]


def test_times_never_go_down_unless_the_last_one_was_far_ahead(
    store: Store, engine: Engine, place: PostgresPlace
) -> None:
    """The engine's clock was corrected, or it is another engine now."""
    for ahead, kept in ((200.0, True), (4000.0, False)):
        last = time.time() + ahead
        store.commit(1, Group([[draft()]]))
        engine.sql(f"UPDATE {place.schema}.rooms SET time = {last}", database="chat")
        [[receipt]] = store.commit(int(ahead), Group([[draft()]])).receipts
        assert (receipt.time == last) == kept
        assert receipt.time <= last


def test_another_server_is_told_that_there_is_more(store: Store, place: PostgresPlace) -> None:
    """A hint, from which nothing follows but a look."""
    with psycopg.connect(place.uri, autocommit=True) as listener:
        listener.execute(f"LISTEN {place.schema}")
        store.add_room("ops", "epoch")
        store.commit(1, Group([[draft(), draft(room="ops"), draft()]]))
        store.commit(2, Group([[draft(persist=False)]]))
        store.change(3, {("a", "b"): "c"})
        told = [note.payload for note in listener.notifies(timeout=10, stop_after=3)]
    assert sorted(told) == ["e lobby 2", "e ops 1", "f 1"]
