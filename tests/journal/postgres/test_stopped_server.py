"""A server that is stopped, wherever that is: it keeps no lock that others wait for, and they take it for dead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.directory import Wish
from chatctl.journal.postgres import connection, watcher
from chatctl.journal.postgres.connection import ANSWERS_AT_ONCE, Connection, connect
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.presence import Presence
from chatctl.journal.postgres.sharing import LOOKS
from chatctl.journal.postgres.store import Store
from chatctl.journal.postgres.transfer import PostgresSource
from tests.support.engine import Engine
from tests.support.journals import ROOM, draft, run

MANY = 15_000
"""Drafts whose receipts are more than a socket holds."""

OTHERS_NEED = (
    "servers FOR UPDATE",
    "presence FOR UPDATE",
    "house FOR NO KEY UPDATE",
    "rooms FOR NO KEY UPDATE",
)
"""The locks of whoever comes, goes, speaks, and sweeps."""


def take_all(place: PostgresPlace) -> None:
    """Take every lock that others need, and give it back. Raises LockNotAvailable."""
    with psycopg.connect(place.uri) as db:
        for lock in OTHERS_NEED:
            db.execute(f"SELECT FROM {place.schema}.{lock} NOWAIT")
        db.rollback()


@pytest.fixture
def looks(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements after each of which others could go on."""
    looks: list[object] = []
    execute = Connection.execute

    def looked_after(self: Connection, query: Any, *more: Any) -> Any:
        cursor = execute(self, query, *more)
        take_all(place)
        looks.append(query)
        return cursor

    with closing(Store(place, shared=True)) as store:
        store.add_room(ROOM, store.epoch_of_new(ROOM))
        store.commit(1, Group([]))
    monkeypatch.setattr(Connection, "execute", looked_after)
    return looks


def test_while_it_opens_a_schema_and_sweeps_one_that_was_killed(place: PostgresPlace, looks: list[object]) -> None:
    Store(place, shared=True).disconnect()
    before = len(looks)
    with closing(Store(place, shared=True)):
        assert len(looks) > before + 10


def test_while_it_goes_on_as_another_one(place: PostgresPlace, looks: list[object]) -> None:
    with closing(Store(place, shared=True)) as store, connect(place, "test") as db:
        db.execute(f"SELECT {place.schema}.sweep(%s, NULL)", (store.sid,))
        before = store.sid
        store.reconnect()
        assert store.sid != before


def test_a_transaction_that_is_left_open_ends_before_a_server_is_taken_for_dead(place: PostgresPlace) -> None:
    """There are some left: a layout that is brought up to date, and new epochs."""
    with connect(place, "test") as db:
        [(limit,)] = db.execute("SHOW idle_in_transaction_session_timeout")
    assert limit == "5s"
    assert LOOKS * watcher.BEAT_SECONDS >= 5


def test_one_that_is_only_read_stays_open_for_a_slow_reader(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``export`` into a pager, for one."""
    Store(place).close()
    monkeypatch.setattr(connection, "_SETTINGS", connection._SETTINGS.replace("'5s'", "'10ms'"))
    with closing(PostgresSource(place, is_in_use=True)) as source:
        engine.sql("SELECT pg_sleep(0.05)")
        assert source.state().rooms == []


# --- answers


class Stopped:
    """What stops the thread that it is called on between a statement and its answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent = threading.Event()
        self.woken = threading.Event()
        self._bounded = connection._bounded
        monkeypatch.setattr(connection, "_bounded", self._pass)

    def _pass(self, gen: Any, *limits: Any) -> Generator[Any, Any, Any]:
        exchange = self._bounded(gen, *limits)
        try:
            state = next(exchange)
            while True:
                if state == psycopg.waiting.WAIT_R and threading.current_thread().name == "stopped":
                    self.sent.set()
                    self.woken.wait(20)
                state = exchange.send((yield state))
        except StopIteration as end:
            return end.value

    def run(self, work: Callable[[], object], engine: Engine, backend: int) -> threading.Thread:
        """Do something on a thread; return it when all that the engine does for it, stopped as it is, is done."""
        thread = threading.Thread(target=work, name="stopped")
        thread.start()
        assert self.sent.wait(20)
        state = "SELECT state, coalesce(wait_event, '') FROM pg_stat_activity WHERE pid = %s"
        while engine.sql(state, backend) not in ([("idle", "ClientRead")], [("active", "ClientWrite")]):
            pass
        return thread


def test_between_a_large_change_and_its_answer(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine would wait for it with the room's lock, and its own: nobody could speak, and nobody sweep it."""
    with closing(Store(place, shared=True)) as store:
        store.add_room(ROOM, store.epoch_of_new(ROOM))
        store.commit(1, Group([]))
        group, stopped = Group([[draft(str(number)) for number in range(MANY)]]), Stopped(monkeypatch)
        results: list[Any] = []
        thread = stopped.run(lambda: results.append(store.commit(2, group)), engine, store.backend)
        try:
            take_all(place)
        finally:
            stopped.woken.set()
            thread.join(20)
        assert [receipt.seq for receipt in results[0].receipts[0]] == list(range(1, MANY + 1))
        store.rooms[ROOM].last = 0
        assert store.commit(2, group).receipts == results[0].receipts, "as for a small one"


def test_many_wishes_are_answered_as_few_are(place: PostgresPlace) -> None:
    with closing(Store(place, shared=True)) as store:
        presence = Presence(place, store.me)
        presence.reconnect()
        try:
            wishes = [
                Wish(name := f"n{number}", name, frozenset([name]), frozenset(), ROOM)
                for number in range(ANSWERS_AT_ONCE + 1)
            ]
            first = presence.claim(store.sid, 1, wishes, 0, [])
            assert len(first.verdicts) == len(presence.snapshot().members) == ANSWERS_AT_ONCE + 1
            assert presence.claim(store.sid, 1, wishes, 0, []) == first
        finally:
            presence.disconnect()


# --- sweeping


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers take each other for dead soon, and wait for no lock for long."""
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(watcher, "LOCK_SECONDS", 0.1)


def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the servers that were swept in vain, which grows from now on."""
    tries: list[str] = []
    end_sessions = watcher.end_sessions
    monkeypatch.setattr(watcher, "end_sessions", lambda db, sid: (end_sessions(db, sid), tries.append(sid)))
    return tries


async def until_swept(journal: PostgresJournal, dead: Store) -> None:
    while dead.sid in journal.me.others:
        await journal._run(lambda _: None)


@pytest.mark.usefixtures("quick")
def test_one_that_can_not_be_swept_is_told_of_and_keeps_nobody_else(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator has its row locked, with psql. Its members' names stay taken meanwhile, which has to be known."""

    async def main() -> None:
        dead, other = Store(place, shared=True), Store(place, shared=True)
        told: asyncio.Queue[str] = asyncio.Queue()
        with psycopg.connect(place.uri) as db:
            db.execute(f"SELECT FROM {place.schema}.servers WHERE sid = %s FOR KEY SHARE", (dead.sid,))
            journal = PostgresJournal(place, shared=True, on_watcher_error=told.put_nowait)
            await until_swept(journal, other)
            tries = count(monkeypatch)
            assert await asyncio.wait_for(told.get(), 20) == "canceling statement due to lock timeout"
            while len(tries) < 3:
                await journal._run(lambda _: None)
            assert dead.sid in journal.me.others
            assert told.empty(), "it is told once"
        await until_swept(journal, dead)
        await journal.close()
        for store in (dead, other):
            store.disconnect()

    run(main())


@pytest.mark.usefixtures("quick")
def test_the_others_tell_who_joins_who_leaves_and_who_is_dead(place: PostgresPlace) -> None:
    async def main() -> None:
        told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        journal = PostgresJournal(place, shared=True, on_server=lambda *what: told.put_nowait(what))
        beats = f"SELECT beat FROM {place.schema}.servers"
        with connect(place, "test") as db:
            while db.execute(beats).fetchall() == [(0,)]:
                await asyncio.sleep(0)  # those who are there when it looks first are no news
        other = PostgresJournal(place, shared=True, label="other:1")
        assert await asyncio.wait_for(told.get(), 20) == ("joined", "other:1")
        assert journal.servers == 2
        await other.close()
        assert await asyncio.wait_for(told.get(), 20) == ("left", "other:1")
        dead = Store(place, shared=True, label="dead:2")
        assert await asyncio.wait_for(told.get(), 20) == ("joined", "dead:2")
        assert await asyncio.wait_for(told.get(), 20) == ("dead", "dead:2")
        assert journal.servers == 1
        await journal.close()
        dead.disconnect()
        assert told.empty()

    run(main())


@pytest.mark.usefixtures("quick")
def test_one_that_was_stopped_in_a_transaction_is_ended_and_swept(place: PostgresPlace) -> None:
    """Whoever has its locks under its name."""

    async def main() -> None:
        dead = Store(place, shared=True)
        db = psycopg.connect(place.uri, application_name=f"chatctl {dead.sid}")
        db.execute(f"SELECT FROM {place.schema}.servers WHERE sid = %s FOR KEY SHARE", (dead.sid,))
        journal = PostgresJournal(place, shared=True)
        await until_swept(journal, dead)
        with pytest.raises(psycopg.OperationalError):
            db.execute("SELECT 1")
        db.close()
        await journal.close()
        dead.disconnect()

    run(main())


@pytest.mark.usefixtures("quick")
def test_a_beat_that_is_not_answered_is_told_and_tried_again(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "connect", lambda place, name: connect(place, name, 0.2))
    monkeypatch.setattr(watcher, "LOCK_SECONDS", 20.0)

    async def main() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        journal = PostgresJournal(place, shared=True, on_watcher_error=told.put_nowait)
        with psycopg.connect(place.uri) as db:
            db.execute(f"SELECT FROM {place.schema}.servers FOR UPDATE")
            assert await asyncio.wait_for(told.get(), 20) == "no answer within 0.2 s"
        with connect(place, "test") as db:
            beat = f"SELECT beat FROM {place.schema}.servers"
            [(before,)] = db.execute(beat).fetchall()
            while db.execute(beat).fetchall() == [(before,)]:
                await journal._run(lambda _: None)
        await journal.close()

    run(main())
