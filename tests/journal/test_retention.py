"""Retention: what goes, what stays, and how long an id is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chatctl.journal.retention import DAY, Retention
from chatctl.journal.store import Store
from tests.support.journals import ALICE, ROOM, draft, on_thread, opened, run, say, seqs, texts, trim

NOW = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def at(now: float, **options: Any) -> dict[str, Any]:
    return {"clock": lambda: now} | options


def test_the_oldest_beyond_the_number_go(path: Path) -> None:
    async def main() -> None:
        async with opened(path, keep_messages=10) as journal:
            await say(journal, *[draft(str(number)) for number in range(25)], draft(room="ops"))
            await trim(journal)
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (16, 25)
            assert await texts(journal) == [str(number) for number in range(15, 25)]
            assert journal.head("ops").first == 1
        async with opened(path, keep_messages=10) as journal:
            assert journal.head(ROOM).first == 16
            assert await seqs(journal, draft()) == [26]

    run(main())


def test_a_room_that_grows_is_trimmed_without_being_asked(path: Path) -> None:
    """Between two checks of the clock it holds a tenth more at most, however fast it grows."""

    async def main() -> None:
        async with opened(path, keep_messages=100, durability="os") as journal:
            await trim(journal)
            for _ in range(30):
                await say(journal, *[draft() for _ in range(50)])
                await on_thread(journal, lambda _: None)  # the turn that committed has ended
                await on_thread(journal, lambda _: None)
                head = journal.head(ROOM)
                assert head.last - head.first + 1 <= 110

    run(main())


def test_the_old_go_after_their_days_and_the_room_keeps_counting(path: Path) -> None:
    async def main() -> None:
        async with opened(path, **at(NOW)) as journal:
            await say(journal, draft("old", time=NOW), draft("newer", time=NOW + 2 * DAY))
        async with opened(path, **at(NOW + 8 * DAY, keep_days=7)) as journal:
            await trim(journal)
            assert await texts(journal) == ["newer"]
        async with opened(path, **at(NOW + 80 * DAY, keep_days=7)) as journal:
            await trim(journal)
            assert await texts(journal) == []
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (3, 2)
        async with opened(path, **at(NOW)) as journal:
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (3, 2)
            assert await seqs(journal, draft("next")) == [3]

    run(main())


def test_without_limits_everything_stays(path: Path) -> None:
    async def main() -> None:
        async with opened(path, **at(NOW * 2)) as journal:
            await say(journal, draft(time=0.0))
            await trim(journal)
            assert await texts(journal) == ["hi"]

    run(main())


def test_a_clock_that_jumps_ahead_while_it_runs_drops_nothing(path: Path) -> None:
    async def main() -> None:
        now = [NOW]
        async with opened(path, clock=lambda: now[0], keep_days=7) as journal:
            await say(journal, draft(time=NOW))
            now[0] += 3_650 * DAY
            await trim(journal)
            assert await texts(journal) == ["hi"]

    run(main())


def test_a_message_with_an_early_time_does_not_take_later_ones_along(path: Path) -> None:
    """A clock that was set back: what goes is the front of the log, never a hole in it."""

    async def main() -> None:
        times = [NOW, NOW + 6 * DAY, NOW, NOW + 6 * DAY]
        async with opened(path, **at(NOW + 8 * DAY, keep_days=7)) as journal:
            await say(journal, *[draft(str(number), time=time) for number, time in enumerate(times)])
            await trim(journal)
            assert await texts(journal) == ["1", "2", "3"]

    run(main())


def test_an_id_outlives_its_message_by_7_days_at_least(path: Path) -> None:
    async def ids(journal: Any) -> int:
        return int((await on_thread(journal, lambda db: db.execute("SELECT count(*) FROM ids").fetchone()))[0])

    async def main() -> None:
        said = [draft(str(number), token=ALICE, id=str(number), time=NOW) for number in range(5)]
        async with opened(path, **at(NOW + 6 * DAY, keep_messages=2)) as journal:
            await say(journal, *said)
            await trim(journal)
            assert await texts(journal) == ["3", "4"]
            assert await ids(journal) == 5
            [receipt] = await say(journal, said[0])
            assert (receipt.seq, receipt.duplicate) == (1, True)
        async with opened(path, **at(NOW + 8 * DAY, keep_messages=2)) as journal:
            await trim(journal)
            assert await ids(journal) == 2  # as long as the message is kept
            assert (await say(journal, said[4]))[0].duplicate

    run(main())


def test_trimming_goes_in_pieces_with_room_for_appends_between(path: Path) -> None:
    store = Store(path, "os")
    store.add_room(ROOM, "epoch")
    store.commit([[draft() for _ in range(5_000)]])
    retention = Retention(100, None, lambda: NOW, lambda: 0.0)
    firsts: list[int] = []
    while retention.piece(store):
        firsts.append(store.rooms[ROOM].first)
    assert firsts == [1001, 2001, 3001, 4001, 4901]
    assert retention.wait() == 60.0
    store.close()


def test_trimming_keeps_up_with_large_commits(path: Path) -> None:
    store = Store(path, "os")
    store.add_room(ROOM, "epoch")
    retention = Retention(100, None, lambda: NOW, lambda: 0.0)
    retention.piece(store)
    sizes: list[int] = []
    for _ in range(5):
        store.commit([[draft() for _ in range(4_000)]])
        retention.grew(store.rooms[ROOM])
        retention.piece(store, 4_000)
        sizes.append(len(kept(store)))
    assert sizes == [100] * 5
    store.close()


def kept(store: Store) -> Sequence[object]:
    return store.read(ROOM, 0, 1_000_000)
