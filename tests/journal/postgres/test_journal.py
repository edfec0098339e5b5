"""What a journal in an engine does beside what every journal does (test_contract.py)."""

from __future__ import annotations

import asyncio

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import StorageFailed
from tests.support.engine import Engine
from tests.support.journals import ALICE, ROOM, draft, on_store, opened, run, say


def test_what_was_redacted_is_gone_from_the_table_with_its_facts_in_one_transaction(place: PostgresPlace) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            await say(journal, draft("secret", nick="Ana", token=ALICE, id="k"), draft("other"))
            await journal.redact(ROOM, [1], {("log", "1"): "redacted"})
            await journal.rebuild()
            first, second = await journal.read(ROOM, 0, 5)
            assert (first.nick, first.text, first.redacted, second.text) == ("", "", True, "other")
            assert await on_store(journal, "SELECT count(*) FROM {}entries WHERE text = 'secret'") == [(0,)]
            assert await journal.said_by("ana", ROOM) == []
            assert await journal.said_by("rajat", ROOM) == [2]
            assert (await say(journal, draft("?", token=ALICE, id="k")))[0].duplicate
        async with opened(place) as journal:
            assert journal.facts() == {("log", "1"): "redacted"}
            assert (await journal.read(ROOM, 0, 1))[0].redacted

    run(main())


def test_the_space_of_what_was_redacted_is_free_for_others(place: PostgresPlace) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            await say(journal, *[draft() for _ in range(20)])
            await journal.redact(ROOM, range(1, 21), {})
            await journal.rebuild()
            table = f"schemaname = '{place.schema}' AND relname = 'entries'"
            vacuumed = await on_store(journal, f"SELECT vacuum_count FROM pg_stat_user_tables WHERE {table}")
            assert vacuumed == [(1,)]
            with pytest.raises(StorageFailed, match="VACUUM FULL"):
                await journal.cost()

    run(main())


def test_a_closed_journal_redacts_nothing(place: PostgresPlace) -> None:
    async def main() -> None:
        async with opened(place) as journal:
            await say(journal, draft())
        with pytest.raises(StorageFailed, match="closed"):
            await journal.redact(ROOM, [1], {})

    run(main())


def test_a_hundred_senders_share_few_transactions(engine: Engine, place: PostgresPlace) -> None:
    """Group commit, in pieces that keep no other server from the room for long."""

    async def main() -> None:
        async with opened(place) as journal:
            calls: list[int] = []
            commit = journal._writer._store.commit
            sizes: list[int] = []

            def counted(number: int, group: object) -> object:
                sizes.append(len(group.columns()[0]))  # type: ignore[attr-defined]
                return commit(number, group)

            journal._writer._store.commit = counted
            from tests.support.journals import held

            async with held(journal):
                for number in range(100):
                    journal.append([draft()] * 5, lambda _, number=number: calls.append(number))
            await asyncio.wait_for(journal.close(), 10)
            assert calls == list(range(100))
            assert sizes == [255, 245]

    run(main())
