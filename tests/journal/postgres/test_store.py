"""The statements on a schema: once under each number, in pieces, and as safe as was asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.store import Store
from chatctl.journal.retention import DAY
from tests.support.engine import Engine
from tests.support.journals import ALICE, ROOM, draft, ids_stored, on_store, opened, run, say, texts, trim


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


@pytest.mark.parametrize(
    ("asked", "setting"), [("disk", "set fsync = on"), ("replica", "set synchronous_standby_names")]
)
def test_what_the_engine_does_not_give_is_refused_with_the_remedy(
    place: PostgresPlace, asked: str, setting: str
) -> None:
    with pytest.raises(ChatError, match=f"--durability {asked}, and the engine .* gives os only: {setting}"):
        Store(place, asked)


def test_what_it_gives_is_what_is_told(place: PostgresPlace) -> None:
    with closing(Store(place, "os")) as store:
        assert store.durability == "os"
    never = place._replace(uri=place.uri + "&options=-c%20synchronous_commit%3Doff")
    with closing(Store(never)) as store:
        assert store.durability == "memory"
    with pytest.raises(ChatError, match="set synchronous_commit = on"):
        Store(never, "os")


# --- what goes


def test_the_old_go_after_their_days_and_the_room_keeps_counting(place: PostgresPlace) -> None:
    async def main() -> None:
        async with opened(place, keep_days=7) as journal:
            await say(journal, *[draft(str(number), token=ALICE, id=str(number)) for number in range(4)])
            now = time.time()
            await on_store(journal, f"UPDATE {{}}entries SET time = {now - 8 * DAY} WHERE seq <= 2 RETURNING 1")
            await on_store(journal, f"UPDATE {{}}ids SET time = {now - 8 * DAY} WHERE seq = 1 RETURNING 1")
            await trim(journal)
            assert await texts(journal) == ["2", "3"]
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (3, 4)
            assert await ids_stored(journal) == 3, "an id is known for seven days at least"
        async with opened(place) as journal:
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (3, 4)
            assert (await say(journal, draft("1", token=ALICE, id="1")))[0].duplicate

    run(main())


def test_a_clock_that_is_far_off_deletes_nothing(place: PostgresPlace) -> None:
    held: list[str] = []

    async def main() -> None:
        async with opened(place) as journal:
            await say(journal, draft())
        ahead = time.time() + 400 * DAY
        async with opened(place, keep_days=7, clock=lambda: ahead, on_held=lambda *of: held.append(of[0])) as journal:
            await trim(journal)
            assert await texts(journal) == ["hi"]

    run(main())
    assert held == [ROOM]
