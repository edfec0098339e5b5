"""An engine that fails, under those who write and read: nothing is lost or doubled, and the room goes on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import Facts
from chatctl.journal.postgres import connection, reconnecting, watcher, writer
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.store import Store
from tests.support.engine import Engine, place_of, running, two_engines
from tests.support.journals import ROOM, draft, reopen, run, say, send, texts, write


@pytest.fixture(scope="module")
def own() -> Iterator[Engine]:
    """An engine that the tests of this file may break."""
    with running() as engine:
        yield engine


@pytest.fixture
def place(own: Engine) -> Iterator[PostgresPlace]:
    yield own.place()
    if own.is_running:
        own.thaw()
    else:
        own.start()


class Watched(PostgresJournal):
    """A journal that keeps what it reported, and can be waited for."""

    def __init__(self, place: PostgresPlace, **options: Any) -> None:
        self.states: list[tuple[str | None, str]] = []
        self.fatal: list[ChatError] = []
        self._news = asyncio.Event()
        super().__init__(place, on_engine=self._noted, on_fatal=self._failed, **options)

    def _noted(self, why: str | None, durability: str) -> None:
        self.states.append((why, durability))
        self._news.set()

    def _failed(self, error: ChatError) -> None:
        self.fatal.append(error)
        self._news.set()

    async def until(self, done: Any) -> None:
        while not done():
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 20)

    async def until_gone(self) -> None:
        await self.until(lambda: self.states and self.states[-1][0] is not None)

    async def until_back(self) -> None:
        await self.until(lambda: self.states and self.states[-1][0] is None)


@contextlib.asynccontextmanager
async def watched(place: PostgresPlace, **options: Any) -> AsyncIterator[Watched]:
    journal = Watched(place, **options)
    try:
        yield journal
    finally:
        await journal.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "PATIENCE", 0.1)


def test_what_is_said_while_the_engine_restarts_waits_for_it(own: Engine, place: PostgresPlace) -> None:
    """A minor update of the engine takes a second or two: nobody is told of it."""

    async def main() -> None:
        async with watched(place) as journal:
            await say(journal, draft("before"))
            await asyncio.to_thread(own.stop)
            said, page = send(journal, draft("meanwhile")), asyncio.ensure_future(journal.read(ROOM, 0, 10))
            await journal.until_gone()
            await asyncio.to_thread(own.start)
            [receipt] = await said
            assert receipt.seq == 2
            assert [entry.text for entry in await page] == ["before", "meanwhile"]
            await journal.until_back()
            assert not journal.fatal

    run(main())


def test_that_the_engine_is_gone_is_known_before_anybody_speaks(own: Engine, place: PostgresPlace) -> None:
    """Or the first message is sent to it, and nobody knows what became of it; monitoring takes all for well."""

    async def main() -> None:
        async with watched(place, shared=True) as journal:
            await asyncio.to_thread(own.kill)
            await journal.until_gone()
            await asyncio.to_thread(own.start)
            await journal.until_back()

    run(main())


def test_a_privilege_that_is_revoked_can_be_given_back(own: Engine, place: PostgresPlace) -> None:
    """The members stay, and are told; it ended the server, which then could not start."""

    async def main() -> None:
        async with watched(place) as journal:
            await say(journal, draft("before"))
            own.sql(f"ALTER SCHEMA {place.schema} OWNER TO postgres", database="chat")
            outcome = await send(journal, draft("meanwhile"))
            assert isinstance(outcome, StorageFailed)
            assert "permission denied for schema" in outcome.text
            await journal.until_gone()
            assert "the role has to own the schema" in str(journal.states[-1][0])
            own.sql(f"ALTER SCHEMA {place.schema} OWNER TO chat", database="chat")
            await journal.until_back()
            await say(journal, draft("after"))
            assert await texts(journal) == ["before", "after"]
            assert not journal.fatal

    run(main())


def test_a_watcher_that_gets_no_connection_is_told_of(
    own: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does not beat: the others take it for dead, again and again. Its writer is well, and tells nothing."""
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.05)
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat' AND pid <> %s"

    async def main() -> None:
        told: asyncio.Queue[str] = asyncio.Queue()
        async with watched(place, shared=True, on_watcher_error=told.put_nowait) as journal:
            beat = f"SELECT sum(beat) FROM {place.schema}.servers"
            while own.sql(beat, database="chat") == [(0,)]:
                await asyncio.sleep(0)  # its watcher has a connection then
            own.sql("ALTER ROLE chat CONNECTION LIMIT 1")
            while not own.sql(ended, journal._writer._store.backend):
                pass
            assert (await asyncio.wait_for(told.get(), 15)).endswith(
                'too many connections for role "chat" (a server takes three connections: raise max_connections, or the '
                "role's CONNECTION LIMIT)"
            )
            assert not journal.states
            own.sql("ALTER ROLE chat CONNECTION LIMIT -1")
            before = own.sql(beat, database="chat")
            while own.sql(beat, database="chat") == before:
                await asyncio.sleep(0)

    try:
        run(main())
    finally:
        own.sql("ALTER ROLE chat CONNECTION LIMIT -1")


def test_while_it_is_gone_for_long_all_is_refused_and_then_it_goes_on(
    own: Engine, place: PostgresPlace, impatient: None
) -> None:
    """At once, and with what to do: a sender that waits does not know whether it was said."""

    async def main() -> None:
        async with watched(place) as journal:
            await say(journal, draft("before"))
            await asyncio.to_thread(own.kill)
            unsure = send(journal, draft(persist=False))  # it was sent, as far as anybody can tell
            await journal.until_gone()
            for _ in range(3):
                outcome = await send(journal, draft("meanwhile"))
                assert isinstance(outcome, StorageFailed)
                assert outcome.text.startswith("the server can't reach its database: nothing was stored")
                assert outcome.retry_after
            with pytest.raises(StorageFailed, match="can't reach its database"):
                await journal.read(ROOM, 0, 1)
            with pytest.raises(StorageFailed, match="can't reach its database"):
                await journal.redact(ROOM, [1], {})
            assert "is it running there?" in str(journal.states[-1][0])
            await asyncio.to_thread(own.start)
            await journal.until_back()
            assert not isinstance(await unsure, StorageFailed)
            assert [receipt.seq for receipt in await say(journal, draft("after"))] == [2]
            assert await texts(journal) == ["before", "after"]

    run(main())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGQUIT])
def test_an_engine_that_dies_under_load_loses_and_doubles_nothing(
    own: Engine, place: PostgresPlace, how: signal.Signals
) -> None:
    """Without ids: what came of the change that was under way is known by its number."""

    async def main() -> None:
        shown: list[int] = []
        acknowledged: list[int | None] = []
        async with watched(place) as journal:
            journal.follow(ROOM, lambda entries: shown.extend(entry.seq for entry in entries))

            async def speak(name: str) -> None:
                for number in range(40):
                    outcome = await send(journal, draft(f"{name} {number}"))
                    assert not isinstance(outcome, StorageFailed), outcome.text
                    acknowledged.extend(receipt.seq for receipt in outcome)

            speakers = asyncio.gather(*[speak(name) for name in "abc"])
            for least in (10, 50):
                while len(acknowledged) < least:
                    await asyncio.sleep(0)
                await asyncio.to_thread(own.kill if how == signal.SIGKILL else lambda: own.stop(how))
                await asyncio.to_thread(own.start)
            await speakers
            kept = await texts(journal)
        assert sorted(kept) == sorted(f"{name} {number}" for name in "abc" for number in range(40))
        assert shown == list(range(1, 121))
        assert sorted(filter(None, acknowledged)) == shown

    run(main())


def test_two_servers_whose_engine_dies_under_load_agree_on_all_of_it(own: Engine, place: PostgresPlace) -> None:
    """What was under way on both, without ids: once each, in one order, and shown on both sides."""

    async def main() -> None:
        shown: list[list[str]] = [[], []]
        async with watched(place, shared=True) as one, watched(place, shared=True) as other:
            for journal, texts_of in zip((one, other), shown, strict=True):
                journal.follow(ROOM, lambda entries, texts_of=texts_of: texts_of.extend(one.text for one in entries))

            async def speak(journal: Watched, name: str) -> None:
                for number in range(40):
                    outcome = await send(journal, draft(f"{name} {number}"))
                    assert not isinstance(outcome, StorageFailed), outcome.text

            speakers = asyncio.gather(*[speak(one, "a"), speak(other, "b"), speak(one, "c")])
            for least in (20, 60):
                while len(shown[0]) < least:
                    await asyncio.sleep(0)
                await asyncio.to_thread(own.kill)
                await asyncio.to_thread(own.start)
            await speakers
            while len(shown[0]) < 120 or len(shown[1]) < 120:
                await asyncio.sleep(0.01)
            assert not one.fatal
            assert not other.fatal
            assert shown[0] == shown[1] == await texts(one)
            assert sorted(shown[0]) == sorted(f"{name} {number}" for name in "abc" for number in range(40))

    run(main())


def test_a_frozen_engine_is_left_and_asked_again_when_it_moves(
    own: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections stay open and say nothing. What was sent may have been done, and is not sent as something new."""

    async def main() -> None:
        quick = place._replace(uri=place.uri + "&connect_timeout=1")
        async with watched(quick) as journal:
            await say(journal, draft("before"))
            journal._writer._store._db.seconds = 0.3
            monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)  # of the connections that follow
            await asyncio.to_thread(own.freeze)
            said = send(journal, draft("meanwhile"))
            await journal.until_gone()
            assert not said.done()
            await asyncio.to_thread(own.thaw)
            [receipt] = await said
            assert receipt.seq == 2
            assert await texts(journal) == ["before", "meanwhile"]

    run(main())


def test_an_engine_that_became_read_only_refuses_until_it_is_not(
    own: Engine, place: PostgresPlace, impatient: None
) -> None:
    async def main() -> None:
        async with watched(place) as journal:
            await say(journal, draft("before"))
            await asyncio.to_thread(own.set, default_transaction_read_only="on")
            try:
                outcome = None
                while not isinstance(outcome, StorageFailed):  # the engine's processes hear of it one by one
                    outcome = await send(journal, draft(persist=False))
                await journal.until_gone()
                assert "it is read-only" in str(journal.states[-1][0])
            finally:
                await asyncio.to_thread(own.set, default_transaction_read_only="off")
            await journal.until_back()
            await say(journal, draft("after"))
            assert await texts(journal) == ["before", "after"]

    run(main())


def test_a_full_disk_refuses_and_the_next_one_tries_anew(own: Engine, place: PostgresPlace) -> None:
    """Whatever the engine refuses for now was not stored, and that is certain."""
    full = "IF left(new.text, 3) = 'big' THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF"
    trigger = f"""
        CREATE FUNCTION {place.schema}.fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {full}; RETURN new; END $$;
        CREATE TRIGGER fill BEFORE INSERT ON {place.schema}.entries
        FOR EACH ROW EXECUTE FUNCTION {place.schema}.fill()"""

    async def main() -> None:
        async with watched(place) as journal:
            own.sql(trigger, database="chat")
            outcome = await send(journal, draft("big one"))
            assert isinstance(outcome, StorageFailed)
            assert outcome.text == "the disk of the server's database is full: nothing was stored, try again later"
            assert [receipt.seq for receipt in await say(journal, draft("small"))] == [1]
            assert journal.states == []

    run(main())


def test_a_server_that_ends_while_the_engine_is_gone_does_not_wait_for_it(
    own: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never reached the engine is refused; of what did, nobody is told anything that may be wrong."""
    monkeypatch.setattr(writer, "LAST_SECONDS", 0.2)

    async def main() -> None:
        async with watched(place) as journal:
            await say(journal, draft())
            await asyncio.to_thread(own.kill)
            unsure = send(journal, draft("sent"))
            await journal.until_gone()
            waiting = send(journal, draft("not sent"))
            await journal.close()
            assert not unsure.done()
            assert isinstance(await waiting, StorageFailed)
            assert not journal.fatal

    run(main())


def test_a_password_that_was_changed_is_told_until_it_is_right_again(own: Engine, place: PostgresPlace) -> None:
    async def main() -> None:
        async with watched(place) as journal:
            own.sql("ALTER ROLE chat NOLOGIN")
            own.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'chat'")
            said = send(journal, draft("meanwhile"))
            try:
                await journal.until_gone()
                assert 'role "chat" is not permitted to log in' in str(journal.states[-1][0])
            finally:
                own.sql("ALTER ROLE chat LOGIN")
            assert [receipt.seq for receipt in await said] == [1]

    run(main())


def test_another_server_that_took_over_ends_this_one_and_answers_nobody(own: Engine, place: PostgresPlace) -> None:
    async def main() -> None:
        async with watched(place) as journal:
            await say(journal, draft())
            own.sql(f"DELETE FROM {place.schema}.servers", database="chat")
            unsure = send(journal, draft())
            await journal.until(lambda: journal.fatal)
            assert "another server has taken over; restart the server" in journal.fatal[0].text
            assert not unsure.done()

    run(main())
    assert reopen(place)[1] == ["hi"]


# --- standbys


@pytest.fixture(scope="module")
def shared_pair() -> Iterator[tuple[Engine, Engine]]:
    with two_engines() as pair:
        yield pair


@pytest.fixture
def pair(shared_pair: tuple[Engine, Engine]) -> Iterator[tuple[Engine, Engine]]:
    """A primary and its standby, both running, as they were before the test."""
    yield shared_pair
    shared_pair[1].thaw()
    shared_pair[0].set(synchronous_standby_names="")


@pytest.fixture
def doomed_pair() -> Iterator[tuple[Engine, Engine]]:
    """The same, of which one may be killed and the other promoted."""
    with two_engines() as pair:
        yield pair


def test_a_promoted_standby_that_has_all_goes_on_under_the_same_epoch(doomed_pair: tuple[Engine, Engine]) -> None:
    """With a synchronous standby: what was acknowledged is there, and the room notices a pause."""
    primary, standby = doomed_pair
    primary.set(synchronous_standby_names="*", fsync="on")
    place = place_of(primary, standby)

    async def main() -> str:
        async with watched(place, durability="os") as journal:
            await say(journal, draft("before"))
            epoch = journal.head(ROOM).epoch
            await asyncio.to_thread(primary.kill)
            said = send(journal, draft("meanwhile"))
            await journal.until_gone()
            await asyncio.to_thread(standby.promote)
            [receipt] = await said
            assert receipt.seq == 2
            assert await texts(journal) == ["before", "meanwhile"]
            assert not journal.fatal
            return epoch

    epoch = run(main())
    assert reopen(place) == (epoch, ["before", "meanwhile"], None)


def test_a_promoted_standby_that_lacks_the_tail_ends_the_epoch(doomed_pair: tuple[Engine, Engine]) -> None:
    """Somebody has read those numbers. The server goes on from where the two logs part, also with what was under way,
    and with names and rules as the standby had them."""
    primary, standby = doomed_pair
    place = place_of(primary, standby)

    async def main() -> tuple[str, list[str]]:
        async with watched(place, shared=True) as journal:
            learned: list[Facts] = []
            cuts: list[tuple[str, bool]] = []
            journal.watch(learned.append, lambda *_: None)
            journal.on_cut(lambda why, facts: cuts.append((why, facts)))
            await say(journal, draft("kept"))
            await asyncio.to_thread(primary.wait_for_standby)
            await asyncio.to_thread(standby.cut_off)
            await say(journal, draft("lost"))
            kept: asyncio.Future[StorageFailed | None] = asyncio.get_running_loop().create_future()
            journal.keep({("ban", "x"): "y"}, kept.set_result)
            assert await kept is None
            before = journal.head(ROOM).epoch
            await asyncio.to_thread(primary.kill)
            unsure = send(journal, draft("unsure"))
            await journal.until_gone()
            await asyncio.to_thread(standby.promote)
            [receipt] = await unsure
            why = "the engine has lost its last messages (1 of them) and its last changes of names and rules"
            assert cuts == [(why, True)]
            assert (receipt.seq, journal.end_of(before, ROOM), journal.fatal) == (2, 1, [])
            while not learned:
                await asyncio.sleep(0.01)
            assert learned[0] == {("ban", "x"): None}
            return journal.head(ROOM).epoch, await texts(journal)

    epoch, log = run(main())
    assert log == ["kept", "unsure"]
    assert reopen(place) == (epoch, log, None)


def test_a_standby_alone_is_refused_with_what_to_write(pair: tuple[Engine, Engine]) -> None:
    _, standby = pair
    with pytest.raises(ChatError, match="it is a standby, which only reads: name the primary, or add target_session"):
        write(PostgresPlace(standby.uri), "x")


def test_a_standby_that_is_waited_for_no_more_ends_the_promise(pair: tuple[Engine, Engine], impatient: None) -> None:
    """An operator took it out: those who asked for ``replica`` get no ack for less, the others are told what holds."""
    primary, _ = pair
    primary.stop()
    primary.settings["fsync"] = "on"
    primary.start()
    primary.set(synchronous_standby_names="*")

    async def main(asked: str | None) -> None:
        async with watched(primary.place(), durability=asked) as journal:
            assert journal.durability == "replica"
            await say(journal, draft("safe"))
            await asyncio.to_thread(primary.set, synchronous_standby_names="")
            outcome = None
            if asked is None:
                while journal.durability != "disk":
                    await say(journal, draft())
            else:
                while not isinstance(outcome, StorageFailed):
                    outcome = await send(journal, draft(persist=False))
                assert "--durability replica" in str(journal.states[-1][0])
                assert primary.uri not in str(journal.states[-1][0]), "long, and known: what to do must not be cut off"
                assert "provides disk only: set synchronous_standby_names" in outcome.text
            await asyncio.to_thread(primary.set, synchronous_standby_names="*")
            if asked is not None:
                await journal.until_back()
                await say(journal, draft("safe again"))
        assert not journal.fatal

    run(main(None))
    run(main("replica"))


def test_a_wait_for_a_standby_that_somebody_cancels_is_waited_for_anew(pair: tuple[Engine, Engine]) -> None:
    """The engine answers such a commit at once, as if the standby had it."""
    primary, standby = pair
    primary.set(synchronous_standby_names="*")

    async def main() -> None:
        async with watched(primary.place()) as journal:
            await say(journal, draft("before"))
            await asyncio.to_thread(standby.freeze)
            said, store = send(journal, draft("meanwhile")), journal._writer._store
            cancelled = store.backend

            def waits(what: str) -> list[tuple[Any, ...]]:
                query = f"SELECT {what} FROM pg_stat_activity WHERE pid = %s AND wait_event = 'SyncRep'"
                return primary.sql(query, store.backend)

            while not await asyncio.to_thread(waits, "pg_cancel_backend(pid)"):
                pass
            while store.backend == cancelled or not await asyncio.to_thread(waits, "pid"):
                await asyncio.sleep(0)
            assert not said.done()
            await asyncio.to_thread(standby.thaw)
            assert [receipt.seq for receipt in await said] == [2]
            assert await texts(journal) == ["before", "meanwhile"]

    run(main())


def test_who_connects_again_waits_for_no_standby(pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there can be read meanwhile."""
    primary, standby = pair
    primary.set(synchronous_standby_names="*")
    with contextlib.closing(Store(primary.place(), shared=True)) as store:
        standby.freeze()
        monkeypatch.setattr(connection, "ANSWER_SECONDS", 2.0)
        store.reconnect()
        assert store.last(ROOM) == 0
        standby.thaw()


def test_a_standby_that_stands_still_holds_the_ack_back(
    pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not acknowledged and not shown, until it is there; then once, however often it was asked for meanwhile."""
    primary, standby = pair
    primary.set(synchronous_standby_names="*")
    given_up = threading.Semaphore(0)
    reconnect = Store.reconnect
    monkeypatch.setattr(Store, "reconnect", lambda store: (given_up.release(), reconnect(store)))
    shown: list[str] = []

    async def main() -> None:
        async with watched(primary.place()) as journal:
            journal.follow(ROOM, lambda entries: shown.extend(entry.text for entry in entries))
            await say(journal, draft("before"))
            journal._writer._store._db.seconds = 0.3
            monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)  # of the connections that follow
            await asyncio.to_thread(standby.freeze)
            said = send(journal, draft("meanwhile"))
            await asyncio.to_thread(given_up.acquire)  # and asked for again, which is given up as well
            await asyncio.to_thread(given_up.acquire)
            assert not said.done()
            assert shown == ["before"]
            await asyncio.to_thread(standby.thaw)
            [receipt] = await said
            assert receipt.seq == 2
            assert shown == ["before", "meanwhile"]
            assert await texts(journal) == shown

    run(main())
