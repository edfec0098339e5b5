"""What is deleted of a schema's log, and what stays known of it."""

from __future__ import annotations

import time

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.retention import DAY
from tests.support.journals import ALICE, ROOM, draft, ids_stored, on_store, opened, run, say, texts, trim


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
