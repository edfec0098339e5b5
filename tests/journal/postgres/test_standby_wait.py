"""A standby that commits wait for, and that does not answer: what waits says so, once, and goes on with the standby."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.directory import Wish
from chatctl.errors import ChatError, StorageFailed
from chatctl.hub.health import Health
from chatctl.journal.postgres import connection, reconnecting, watcher, writer
from chatctl.journal.postgres.directory import PostgresDirectory
from chatctl.journal.postgres.journal import PostgresJournal
from tests.support.engine import Engine, two_engines
from tests.support.journals import ROOM, draft, run, say, send, texts

Freeze = Callable[[], Awaitable[None]]

WHY = "commits wait for the standby '*' (synchronous_standby_names): start it, or name another"


@pytest.fixture(scope="module")
def shared_pair() -> Iterator[tuple[Engine, Engine]]:
    with two_engines() as pair:
        yield pair


@pytest.fixture
def pair(shared_pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, Engine]]:
    """A primary, and a standby that it waits for."""
    primary, standby = shared_pair
    primary.set(synchronous_standby_names="*")
    monkeypatch.setattr(reconnecting, "PATIENCE", 0.1)
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(watcher, "LOCK_SECONDS", 0.1)
    yield shared_pair
    monkeypatch.undo()
    standby.thaw()
    primary.set(synchronous_standby_names="")


@pytest.fixture
def freeze(pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch) -> Freeze:
    """Stop the standby, and have servers give up soon from then on."""

    async def freeze() -> None:
        await asyncio.to_thread(pair[1].freeze)
        monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.4)

    return freeze


class Told:
    """What a journal has its server log."""

    def __init__(self) -> None:
        self.engine: list[str | None] = []
        self.watcher: list[str] = []

    def open(self, place: PostgresPlace) -> PostgresJournal:
        def told(why: str | None, _: str) -> None:
            self.engine.append(why)

        return PostgresJournal(place, shared=True, on_engine=told, on_watcher_error=self.watcher.append)

    async def until(self, why: str | None) -> None:
        while not self.engine or self.engine[-1] != why:
            await asyncio.sleep(0.01)


async def refused(journal: PostgresJournal) -> str:
    outcome = await send(journal, draft("refused"))
    assert isinstance(outcome, StorageFailed)
    return outcome.text


def test_who_waits_and_who_is_refused_is_told_why(pair: tuple[Engine, Engine], freeze: Freeze) -> None:
    """The log has one line for it. What was sent is stored once the standby is back."""
    primary, standby = pair

    async def main() -> None:
        told = Told()
        journal = told.open(primary.place())
        health = Health(journal, ROOM, lambda: 0.0, patience=0.0)
        await say(journal, draft("before"))
        await freeze()
        said = send(journal, draft("meanwhile"))
        await told.until(WHY)
        assert await refused(journal) == (
            f"the server can't use its database ({WHY}): nothing was stored, try again later"
        )
        assert WHY in await health.check()
        beats = f"SELECT sum(beat) FROM {journal.place.schema}.servers"
        [(before,)] = primary.sql(beats, database="chat")
        while primary.sql(beats, database="chat") <= [(before + 20,)]:
            await asyncio.sleep(0.01)  # nobody takes it for dead meanwhile
        assert not said.done()
        await asyncio.to_thread(standby.thaw)
        await said
        assert await texts(journal) == ["before", "meanwhile"]
        assert told.engine == [WHY, None]
        assert told.watcher == []
        await journal.close()

    run(main())


def test_a_name_that_waits_is_told_of_as_well(pair: tuple[Engine, Engine], freeze: Freeze) -> None:
    """Nobody says anything: only somebody joins."""
    primary, standby = pair

    async def main() -> None:
        told = Told()
        journal = told.open(primary.place())
        directory = PostgresDirectory(journal)
        directory.follow(lambda _: None)
        await freeze()
        verdicts: asyncio.Queue[object] = asyncio.Queue()
        directory.claim(
            [Wish("a", "a", frozenset("a"), frozenset(), ROOM)], lambda given: verdicts.put_nowait(given[0])
        )
        await told.until(WHY)
        directory.claim(
            [Wish("b", "b", frozenset("b"), frozenset(), ROOM)], lambda given: verdicts.put_nowait(given[0])
        )
        refusal = await verdicts.get()
        assert isinstance(refusal, StorageFailed)
        assert WHY in refusal.text
        await asyncio.to_thread(standby.thaw)
        assert not isinstance(await verdicts.get(), StorageFailed)
        await journal.close()

    run(main())


def test_a_server_that_can_not_start_for_it_says_so(pair: tuple[Engine, Engine], freeze: Freeze) -> None:
    primary, _ = pair

    async def main() -> None:
        await freeze()
        with pytest.raises(ChatError) as caught:
            await asyncio.to_thread(PostgresJournal, primary.place(), shared=True, loop=asyncio.get_running_loop())
        assert caught.value.text.endswith(WHY)

    run(main())


def test_a_dead_server_is_swept_after_it_and_nothing_is_said_of_that(
    pair: tuple[Engine, Engine], freeze: Freeze
) -> None:
    primary, standby = pair

    async def main() -> None:
        told, place = Told(), primary.place()
        dead = PostgresJournal(place, shared=True)
        dead._watcher.stop()
        journal = told.open(place)
        await freeze()
        waiting = send(journal, draft("meanwhile"))
        await told.until(WHY)
        assert dead.me.sid in journal.me.others
        await asyncio.to_thread(standby.thaw)
        await waiting
        while dead.me.sid in journal.me.others:
            await asyncio.sleep(0.01)
        assert told.watcher == []
        await journal.close()
        await dead.close()

    run(main())


@pytest.mark.parametrize("seconds", [0.0, 0.4])
def test_a_server_that_stops_does_not_wait_for_it(
    pair: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Neither for what was sent, nor to take itself out of the schema; whatever it waits for by then."""
    primary, standby = pair
    monkeypatch.setattr(writer, "LAST_SECONDS", seconds)
    monkeypatch.setattr(connection, "LEAST_SECONDS", 0.1)

    async def main() -> None:
        journals = [Told().open(place) for place in (primary.place(), primary.place())]
        await say(journals[0], draft("before"))
        await asyncio.to_thread(standby.freeze)
        unsure = send(journals[0], draft("meanwhile"))
        while not primary.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
            await asyncio.sleep(0.01)
        begun = asyncio.get_running_loop().time()
        for journal in journals:
            await journal.close()
        assert asyncio.get_running_loop().time() - begun < connection.ANSWER_SECONDS / 2
        assert not unsure.done()

    run(main())
