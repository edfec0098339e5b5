"""Who has a schema open: one that was taken for dead goes on as another, and says nothing twice."""

from __future__ import annotations

import asyncio
from contextlib import closing

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres import registering
from chatctl.journal.postgres.connection import Connection
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.registering import sweep
from chatctl.journal.postgres.store import Store
from chatctl.journal.work import JournalLost
from tests.support.engine import Engine
from tests.support.journals import ROOM, draft, held, run, say, send, texts


def swept(engine: Engine, place: PostgresPlace, sid: str) -> None:
    row = f"(SELECT sid, beat FROM {place.schema}.servers WHERE sid = %s FOR UPDATE) s"
    assert engine.sql(f"SELECT {place.schema}.sweep(sid, beat) FROM {row}", sid, database="chat") == [(True,)]


def test_one_that_was_swept_goes_on_under_another_id(engine: Engine, place: PostgresPlace) -> None:
    """Also while nobody says anything; and all that others said meanwhile is shown."""

    async def main() -> None:
        fenced = asyncio.Event()
        slept = PostgresJournal(place, shared=True)
        slept._dispatcher.on_fenced = fenced.set
        shown: list[str] = []
        slept.follow(ROOM, lambda entries: shown.extend(entry.text for entry in entries))
        before = slept._writer._store.sid
        async with held(slept):
            await asyncio.to_thread(swept, engine, place, before)
            other = PostgresJournal(place, shared=True)
            await say(other, draft("meanwhile"))
            said = send(slept, draft("what was not sent yet"))
        assert [receipt.seq for receipt in await said] == [2]  # type: ignore[union-attr]
        await asyncio.wait_for(fenced.wait(), 10)
        assert slept._writer._store.sid != before
        assert shown == ["meanwhile", "what was not sent yet"]
        fenced.clear()
        await asyncio.to_thread(swept, engine, place, slept._writer._store.sid)
        await asyncio.wait_for(fenced.wait(), 10)
        for journal in (slept, other):
            await journal.close()

    run(main())


def test_a_change_whose_answer_was_lost_is_not_made_again_after_a_sweep(engine: Engine, place: PostgresPlace) -> None:
    """Without an id nobody else would notice."""

    async def main() -> None:
        journal = PostgresJournal(place, shared=True)
        store = journal._writer._store
        commit, lost = store.commit, []

        def lose(number: int, group: Group) -> object:
            result = commit(number, group)
            if result.entries and not lost:
                lost.append(number)
                swept(engine, place, store.sid)
                store.rooms[ROOM].last = 0
                store.disconnect()
                raise psycopg.OperationalError("the connection is lost")
            return result

        store.commit = lose  # type: ignore[assignment]
        [receipt] = await say(journal, draft("once"))
        assert (receipt.seq, receipt.duplicate, len(lost)) == (1, False, 1)
        await say(journal, draft("then"))
        assert await texts(journal) == ["once", "then"]
        await journal.close()

    run(main())


def test_one_that_slept_for_longer_than_anything_is_known_of_it_ends(engine: Engine, place: PostgresPlace) -> None:
    with closing(Store(place, shared=True)) as store:
        swept(engine, place, store.sid)
        engine.sql(f"UPDATE {place.schema}.done SET swept = now() - interval '2 days'", database="chat")
        with closing(Store(place, shared=True)) as other:
            swept(engine, place, other.sid)
        with pytest.raises(JournalLost, match="declared this one dead, too long ago"):
            store.reconnect()


@pytest.mark.parametrize("outcome", ["not made", "made", "made, and swept again"])
def test_one_that_loses_its_connection_while_it_gets_another_id_goes_on(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    """A standby is promoted just then. What came of its last change is known still."""

    def lose(db: Connection, query: str, *values: object) -> object:
        if "swept = NULL" not in query:
            return execute(db, query, *values)
        if outcome != "not made":
            execute(db, query, *values)
        raise psycopg.OperationalError("the connection is lost")

    with closing(Store(place, shared=True)) as store:
        store.add_room(ROOM, store.epoch_of_new(ROOM))
        group = Group([[draft("once")]])
        first, before, execute = store.commit(1, group), store.sid, registering.run
        swept(engine, place, store.sid)
        with monkeypatch.context() as losing:
            losing.setattr(registering, "run", lose)
            with pytest.raises(psycopg.OperationalError):
                store.reconnect()
        assert store.sid == before
        if outcome == "made, and swept again":
            swept(engine, place, store.me.tried[0])
        store.reconnect()
        assert store.sid != before
        store.rooms[ROOM].last = 0
        assert store.commit(1, group).receipts == first.receipts
        assert store.last(ROOM) == 1


def test_a_new_one_sweeps_those_that_have_no_connection(engine: Engine, place: PostgresPlace) -> None:
    """They were killed: one that is started again at once must not find its members' names taken by itself."""
    sids = f"SELECT sid FROM {place.schema}.servers ORDER BY sid"
    with closing(Store(place, shared=True)) as alive, closing(Store(place, shared=True)) as anew:
        swept(engine, place, anew.sid)
        anew.reconnect()
        killed = Store(place, shared=True)
        killed.disconnect()
        with closing(Store(place, shared=True)) as started:
            there = sorted([alive.sid, anew.sid, started.sid])
            assert engine.sql(sids, database="chat") == [(sid,) for sid in there]


def test_none_is_swept_where_the_engine_does_not_tell_whose_connections_there_are(
    engine: Engine, place: PostgresPlace
) -> None:
    """Servers with roles of their own do not see each other's names."""
    with closing(Store(place, shared=True)) as other:
        assert other._db is not None
        other._db.execute("SET application_name = 'hidden'")
        with closing(Store(place, shared=True)) as started:
            rows = engine.sql(f"SELECT sid FROM {place.schema}.servers", database="chat")
            assert sorted(rows) == sorted([(other.sid,), (started.sid,)])


def test_one_that_ends_leaves_nothing(engine: Engine, place: PostgresPlace) -> None:
    with closing(Store(place, shared=True)):
        pass
    for table in ("servers", "done"):
        assert engine.sql(f"SELECT * FROM {place.schema}.{table}", database="chat") == []


def test_a_move_without_a_loss_ends_nobody(engine: Engine, place: PostgresPlace) -> None:
    with closing(Store(place, shared=True)) as one, closing(Store(place, shared=True)) as other:
        for store in (one, other):
            store.add_room(ROOM, store.epoch_of_new(ROOM))
            store.me.mark = "before"
        engine.sql(f"UPDATE {place.schema}.house SET mark = 'before'", database="chat")
        one.commit(1, Group([[draft("a")]]))
        one.reconnect()
        one.commit(2, Group([[draft("b")]]))
        other.reconnect()
        assert [entry.text for entry in other.look([ROOM]).entries[ROOM]] == ["a", "b"]


def test_a_server_alone_waits_for_nobody_who_shares(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.journal.postgres.registering._WAIT_SECONDS", 0.0)
    with closing(Store(place, shared=True)), pytest.raises(ChatError, match="is in use by another server"):
        Store(place)


def test_nobody_is_swept_who_beats(place: PostgresPlace) -> None:
    with closing(Store(place, shared=True)) as one, closing(Store(place, shared=True)) as other:
        assert one._db is not None
        assert not sweep(one._db, place.schema, other.sid, 7)
        assert not sweep(one._db, place.schema, "nobody", None)
