"""Opening a schema: what is refused, and when its rooms get new epochs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres import opening, registering
from chatctl.journal.postgres.connection import connect
from chatctl.journal.postgres.layout import LAYOUT
from chatctl.journal.postgres.opening import epoch_of
from chatctl.journal.postgres.store import Store
from chatctl.journal.work import JournalLost
from tests.support.engine import Engine
from tests.support.journals import ROOM, reopen, run, write
from tests.support.journals import opened as opened_journal


@contextmanager
def opened(place: PostgresPlace) -> Iterator[Store]:
    with closing(Store(place)) as store:
        yield store


def test_a_second_server_is_refused_until_the_first_one_ends(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(place), monkeypatch.context() as impatient:
        impatient.setattr(registering, "_WAIT_SECONDS", 0.0)
        with pytest.raises(ChatError, match="is in use by another server"):
            Store(place)
    with opened(place):
        pass


def test_one_that_is_just_ending_is_waited_for(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart of a service: the old one's connection may end after the new one has begun."""
    first = Store(place)
    monkeypatch.setattr("time.sleep", lambda _: first.close())
    with opened(place):
        pass


def test_another_house_in_the_same_database_is_another_journal(engine: Engine) -> None:
    one, other = engine.place(), engine.place()
    write(one, "one")
    write(other, "other")
    assert (reopen(one)[1], reopen(other)[1]) == (["one"], ["other"])


def test_a_schema_of_something_else_is_refused_and_not_changed(engine: Engine, place: PostgresPlace) -> None:
    engine.sql(f"CREATE SCHEMA {place.schema} AUTHORIZATION chat", database="chat")
    engine.sql(f"CREATE TABLE {place.schema}.accounts (id integer)", database="chat")
    with pytest.raises(ChatError, match="holds something else: name another one with --journal-schema"):
        Store(place)
    tables = engine.sql(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace", place.schema, database="chat"
    )
    assert tables == [("accounts",)]


def test_an_empty_schema_that_the_owner_of_the_database_made_is_used(engine: Engine, place: PostgresPlace) -> None:
    """A role need not be allowed to make schemas."""
    engine.sql("CREATE ROLE guest LOGIN")
    guest = place._replace(uri=place.uri.replace("chat@", "guest@"))
    with pytest.raises(ChatError, match=re.escape(f"CREATE SCHEMA {place.schema} AUTHORIZATION role")):
        Store(guest)
    engine.sql(f"CREATE SCHEMA {place.schema} AUTHORIZATION guest", database="chat")
    with opened(guest):
        pass
    with pytest.raises(ChatError, match="the role has to own the schema"):
        Store(place)


def test_servers_that_start_together_share_the_schema_that_the_first_one_makes(
    engine: Engine, place: PostgresPlace
) -> None:
    """The second one has looked before, and the engine may still answer from what it cached then."""
    with closing(connect(place, "first")) as first, ThreadPoolExecutor() as threads:
        with first.transaction():
            registering.changing_alone(first, place.schema)
            second = threads.submit(Store, place, shared=True)
            waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not engine.sql(waiting, database="chat"):
                assert not second.done()
            opening.make(first, place)
            opening.fill_house(first, place.schema, opening.inspect(first, place.schema).mark)
        with closing(second.result()) as store:
            assert store.renewed is None


def test_the_layout_of_a_later_chatctl_is_refused(engine: Engine, place: PostgresPlace) -> None:
    write(place, "one")
    engine.sql(f"UPDATE {place.schema}.house SET layout = {LAYOUT + 1}", database="chat")
    with pytest.raises(
        ChatError, match=f"has the layout {LAYOUT + 1}, and this chatctl knows {LAYOUT}: update chatctl"
    ):
        Store(place)


# --- epochs


def test_a_log_that_stays_where_it_is_keeps_its_epoch(place: PostgresPlace) -> None:
    epoch = write(place, "one", durability="os")
    assert reopen(place) == (epoch, ["one"], None)


@pytest.mark.parametrize(
    ("part", "why"), [(0, "restored from a backup"), (1, "a standby was promoted"), (3, "restored"), (4, "restarted")]
)
def test_one_that_was_moved_gets_a_new_one_and_cursors_of_the_old_one_hold(
    engine: Engine, place: PostgresPlace, part: int, why: str
) -> None:
    """Another cluster, timeline or schema; or an engine that lost its last commits with its memory."""
    before = write(place, "one", "two")
    [(mark,)] = engine.sql(f"SELECT mark FROM {place.schema}.house", database="chat")
    parts = mark.split("/")
    parts[part] = "other"
    engine.sql(f"UPDATE {place.schema}.house SET mark = %s", "/".join(parts), database="chat")

    async def main() -> None:
        async with opened_journal(place) as journal:
            assert why in journal.renewed
            assert journal.head(ROOM).epoch != before
            assert (journal.head(ROOM).last, journal.end_of(before, ROOM)) == (2, 2)

    run(main())
    assert reopen(place)[2] is None


def test_a_log_that_went_back_cuts_earlier_epochs_too(engine: Engine, place: PostgresPlace) -> None:
    """Two promotions, and the second one lost more."""
    epochs = []
    for words, kept in (("abc", 3), ("", 1), ("", 1)):
        epochs.append(write(place, *words))
        engine.sql(f"UPDATE {place.schema}.house SET mark = 'other'", database="chat")
        engine.sql(f"UPDATE {place.schema}.rooms SET last = {kept}", database="chat")
        engine.sql(f"DELETE FROM {place.schema}.entries WHERE seq > {kept}", database="chat")

    async def main() -> list[int | None]:
        async with opened_journal(place) as journal:
            return [journal.end_of(epoch, ROOM) for epoch in epochs]

    assert run(main()) == [1, 1, 1]


def test_only_so_many_epochs_are_remembered(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "ENDS_KEPT", 2)
    epochs = []
    for _ in range(4):
        epochs.append(write(place, "x"))
        engine.sql(f"UPDATE {place.schema}.house SET mark = 'other'", database="chat")

    async def main() -> list[int | None]:
        async with opened_journal(place) as journal:
            return [journal.end_of(epoch, ROOM) for epoch in epochs]

    assert run(main()) == [None, None, 3, 4]


def test_a_new_room_gets_the_epoch_that_a_renewal_would_give(engine: Engine, place: PostgresPlace) -> None:
    """Servers that open it at the same time agree, without asking."""
    write(place, "one")
    engine.sql(f"UPDATE {place.schema}.house SET mark = 'other'", database="chat")
    renewed = reopen(place)[0]
    [(generation,)] = engine.sql(f"SELECT generation FROM {place.schema}.house", database="chat")
    assert renewed == epoch_of(generation, ROOM) != epoch_of(generation, "ops")


# --- after a lost connection


def lose(engine: Engine, store: Store) -> None:
    """End the store's connection from the engine's side."""
    assert store._db is not None
    engine.sql("SELECT pg_terminate_backend(%s, 5000)", store._db.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        store.change(99, {})
    assert not store.is_connected


def test_a_server_goes_on_after_its_connection_was_lost(engine: Engine, place: PostgresPlace) -> None:
    with opened(place) as store:
        lose(engine, store)
        store.reconnect()
        store.change(100, {("a", "b"): "c"})


def test_its_own_old_connection_does_not_lock_it_out(place: PostgresPlace) -> None:
    """Cut off from the engine, it connects again before the engine knows that the first connection is gone."""
    with opened(place) as store:
        old, store._db = store._db, None
        assert old is not None
        store.reconnect()
        store.change(1, {})
        with pytest.raises(psycopg.OperationalError):
            old.execute("SELECT 1")


def test_a_server_whose_journal_a_newer_chatctl_has_taken_ends(engine: Engine, place: PostgresPlace) -> None:
    """It was stopped while the others were updated: what it calls may not be there any more."""
    with closing(Store(place, shared=True)) as store:
        lose(engine, store)
        engine.sql(f"UPDATE {place.schema}.house SET layout = {LAYOUT + 1}", database="chat")
        with pytest.raises(JournalLost, match=f"its layout is {LAYOUT + 1} now, and this chatctl knows {LAYOUT}: upd"):
            store.reconnect()


def test_a_server_that_was_replaced_meanwhile_has_to_end(engine: Engine, place: PostgresPlace) -> None:
    with opened(place) as store:
        lose(engine, store)
        write(place, "another's")
        with pytest.raises(JournalLost, match="another server has written meanwhile"):
            store.reconnect()


def test_one_that_finds_another_at_work_has_to_end(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "_WAIT_SECONDS", 0.0)
    with opened(place) as store:
        lose(engine, store)
        with opened(place), pytest.raises(JournalLost, match="in use by another server"):
            store.reconnect()


def test_a_replaced_server_with_a_good_connection_changes_nothing(engine: Engine, place: PostgresPlace) -> None:
    """FENCED: the row of a server is what lets it write."""
    with opened(place) as store:
        engine.sql(f"DELETE FROM {place.schema}.servers", database="chat")
        with pytest.raises(psycopg.Error, match="another server has taken over"):
            store.change(1, {("a", "b"): "c"})
        assert engine.sql(f"SELECT * FROM {place.schema}.facts", database="chat") == []
