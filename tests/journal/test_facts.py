"""Facts, which a server keeps beside messages: committed as a message is, and changed all or nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from chatctl.errors import StorageFailed
from chatctl.journal import Facts, schema
from chatctl.journal.memory import MemoryJournal
from tests.support.journals import (
    ALICE,
    AnyJournal,
    Faulty,
    Place,
    draft,
    facts,
    failing,
    opened,
    reopen,
    run,
    say,
    texts,
    write,
)

RAJAT = ("claim", "rajat")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


async def keep(journal: AnyJournal, changes: Facts) -> StorageFailed | None:
    answer: asyncio.Future[StorageFailed | None] = asyncio.get_running_loop().create_future()
    journal.keep(changes, answer.set_result)
    return await answer


def test_facts_survive_a_restart_until_they_are_taken_back(place: Place) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            assert journal.facts() == {}
            assert await keep(journal, {RAJAT: "key", ("topic", "lobby"): "a\0b ☺"}) is None
        async with opened(place) as journal:
            assert await keep(journal, {RAJAT: None, ("topic", "lobby"): "other", ("ban", "x"): ""}) is None

    run(main())
    assert facts(place) == {("topic", "lobby"): "other", ("ban", "x"): ""}


ASKED = ("asked", "lobby a3")


def test_the_number_of_a_message_is_kept_with_it(place: Place) -> None:
    """A duplicate has the first one's; what was not said has none."""
    one = draft("go?", token=ALICE, id="q")
    keeping = {name: msgspec.structs.replace(one, seq_fact=("asked", name)) for name in ("first", "again", "other")}

    async def main() -> None:
        async with opened(place) as journal:
            await say(journal, draft("hello"), keeping["first"], draft("yes"))
            await say(journal, keeping["again"], msgspec.structs.replace(keeping["other"], text="stop?"))
            await say(journal, draft("x", persist=False, seq_fact=ASKED), draft("x", append=False, seq_fact=ASKED))

    run(main())
    assert facts(place) == {("asked", "first"): "2", ("asked", "again"): "2"}


def test_a_full_disk_takes_neither_the_message_nor_its_number(path: Path, faulty: list[Faulty]) -> None:
    async def main() -> list[str]:
        async with opened(path) as journal:
            faulty[0].fail = failing("COMMIT", sqlite3.SQLITE_FULL, "SQLITE_FULL")
            with pytest.raises(AssertionError, match="full"):
                await say(journal, draft("go?", seq_fact=ASKED))
            faulty[0].fail = lambda _: None
            await say(journal, draft("and on"))
            return await texts(journal)

    assert run(main()) == ["and on"]
    assert facts(path) == {}


def test_what_is_put_while_it_closes_is_kept(place: Place) -> None:
    """The last word of an operator counts, too."""

    async def main() -> None:
        async with opened(place) as journal:
            journal.keep({RAJAT: "key"}, lambda _: None)

    run(main())
    assert facts(place) == {RAJAT: "key"}


def test_a_closed_journal_keeps_nothing_more(place: Place) -> None:
    async def main() -> StorageFailed | None:
        async with opened(place) as journal:
            pass
        return await keep(journal, {RAJAT: "key"})

    assert isinstance(run(main()), StorageFailed)


def test_a_full_disk_refuses_the_whole_change_and_takes_the_next_one(path: Path, faulty: list[Faulty]) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            faulty[0].fail = failing("COMMIT", sqlite3.SQLITE_FULL, "SQLITE_FULL")
            error = await keep(journal, {RAJAT: "key"})
            assert isinstance(error, StorageFailed)
            assert error.retry_after
            faulty[0].fail = lambda _: None
            assert await keep(journal, {("ban", "x"): ""}) is None
            await say(journal, draft("and on"))

    run(main())
    assert facts(path) == {("ban", "x"): ""}


def test_a_journal_of_the_first_schema_becomes_one_that_has_facts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who updates loses nothing that was said."""
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        older.setattr("chatctl.journal.store.Store.facts", lambda _: {})
        older.setattr("chatctl.journal.store.Store.ends", lambda _: {})
        epoch = write(path, "one", "two")
    assert facts(path) == {}
    assert reopen(path)[:2] == (epoch, ["one", "two"])


def test_a_backup_has_the_facts(path: Path, tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with opened(path) as journal:
            await keep(journal, {RAJAT: "key"})
            await say(journal, draft("one"))
            await journal.backup(tmp_path / "copy.db")
            return await texts(journal)

    assert run(main()) == ["one"]
    assert facts(tmp_path / "copy.db") == {RAJAT: "key"}


def test_the_journal_in_memory_takes_them() -> None:
    """They hold as long as the process: who changes them knows them."""
    outcomes: list[object] = []
    journal = MemoryJournal()
    journal.keep({RAJAT: "key"}, outcomes.append)
    assert outcomes == [None]
    assert journal.facts() == {}
