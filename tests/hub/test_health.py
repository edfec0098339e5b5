"""health.py: one probe at a time, none while the last one is fresh, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from chatctl.hub.health import Health
from tests.support.fakes import SlowJournal


def checks(
    run: Callable[[Health, SlowJournal], Coroutine[Any, Any, None]], *, fresh: float = 60, patience: float = 60
) -> None:
    """Run a test with the health of a journal whose commits it makes itself."""

    async def main() -> None:
        journal = SlowJournal()
        journal.follow("lobby", lambda _: None)
        await run(Health(journal, "lobby", lambda: 0.0, fresh=fresh, patience=patience), journal)

    asyncio.run(main())


async def asked(health: Health) -> asyncio.Task[str]:
    task = asyncio.create_task(health.check())
    await asyncio.sleep(0)
    return task


def test_nothing_is_wrong_once_a_message_is_committed_and_nothing_of_it_stays() -> None:
    async def run(health: Health, journal: SlowJournal) -> None:
        task = await asked(health)
        assert not task.done()
        journal.commit()
        assert await task == ""
        assert journal.head("lobby").last == 0

    checks(run)


def test_many_who_ask_at_once_share_one_probe_and_a_fresh_one_is_believed() -> None:
    async def run(health: Health, journal: SlowJournal) -> None:
        tasks = [await asked(health) for _ in range(5)]
        assert len(journal.waiting) == 1
        journal.commit()
        assert [await task for task in tasks] == [""] * 5
        assert await health.check() == ""
        assert journal.waiting == []

    checks(run)


def test_a_journal_that_fails_is_told_and_is_asked_again() -> None:
    async def run(health: Health, journal: SlowJournal) -> None:
        task = await asked(health)
        journal.fail()
        assert "disk" in await task
        task = await asked(health)
        journal.commit()
        assert await task == ""

    checks(run, fresh=0)


def test_a_journal_that_hangs_is_told_and_gets_no_second_probe() -> None:
    async def run(health: Health, journal: SlowJournal) -> None:
        assert "has not answered" in await health.check()
        assert "has not answered" in await health.check()
        assert len(journal.waiting) == 1
        journal.commit()
        task = await asked(health)
        journal.commit()
        assert await task == ""

    checks(run, fresh=0, patience=0)


def test_a_journal_that_knows_why_it_does_not_answer_is_believed() -> None:
    async def run(health: Health, journal: SlowJournal) -> None:
        journal.trouble = "commits wait"  # type: ignore[attr-defined]
        assert await health.check() == "commits wait"

    checks(run, patience=0)
