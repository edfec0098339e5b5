"""The size limit: the files stay within it, the oldest entries of all rooms go, and a reader is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatctl.journal.sqlite import SqliteJournal
from tests.support.journals import ALICE, ROOM, draft, on_thread, opened, run, say, seqs, texts

MIB = 1 << 20
LIMIT = 4 * MIB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def on_disk(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob("rooms.db*"))


async def settled(journal: SqliteJournal) -> None:
    """Let the writer delete what there is too much of, and give it back."""
    writer = journal._writer
    while await journal._run(lambda _: writer._size_limit.more or writer._shrinking):
        await asyncio.sleep(0)
    await journal._run(lambda store: store.checkpoint())


async def flood(journal: SqliteJournal, path: Path, count: int, start: int = 0) -> int:
    """Say so many messages of 4 KB, ten at a time; return how much the files took at most."""
    most = 0
    for number in range(start, start + count // 10):
        ids = [f"{number}-{one}" for one in range(10)]
        await say(journal, *[draft("x" * 4_000, id=one, token=ALICE, time=float(number)) for one in ids])
        most = max(most, on_disk(path))
    return most


def test_a_flood_stays_within_it(path: Path) -> None:
    """16 MB into 4 MiB, the write-ahead log counted: for a moment it may be a fifth more."""

    async def main() -> None:
        async with opened(path, durability="os", max_bytes=LIMIT) as journal:
            assert await flood(journal, path, 4_000) < 1.5 * LIMIT
            await settled(journal)
            head = journal.head(ROOM)
            assert head.last == 4_000
            assert len(await texts(journal)) == head.last + 1 - head.first > 300
        assert on_disk(path) <= LIMIT
        async with opened(path, max_bytes=LIMIT) as journal:
            assert journal.head(ROOM).first == head.first
            assert await seqs(journal, draft("on")) == [4_001]

    run(main())


def test_the_oldest_of_all_rooms_go(path: Path) -> None:
    async def main() -> None:
        async with opened(path, durability="os", max_bytes=LIMIT) as journal:
            await say(journal, draft("old", room="quiet", time=-1.0))
            await flood(journal, path, 600)
            await say(journal, draft("new", room="late", time=1e9))
            await flood(journal, path, 600, 60)
            await settled(journal)
            assert (journal.head("quiet").first, journal.head("quiet").last) == (2, 1)
            assert await texts(journal, "late") == ["new"]
            assert journal.head(ROOM).first > 1
            assert await seqs(journal, draft(room="quiet")) == [2]

    run(main())


def test_a_journal_that_is_too_large_already_shrinks(path: Path) -> None:
    async def main() -> None:
        async with opened(path, durability="os") as journal:
            await flood(journal, path, 2_000)
        assert on_disk(path) > 2 * LIMIT
        async with opened(path, durability="os", max_bytes=LIMIT) as journal:
            await settled(journal)
            kept = journal.head(ROOM)
            assert kept.last == 2_000
            assert kept.first < 2_000
        assert on_disk(path) <= LIMIT

    run(main())


def test_ids_of_what_is_gone_go_as_well(path: Path) -> None:
    """Kept for a week they would be most of the file: a flood of short messages."""

    async def main() -> None:
        async with opened(path, durability="os", max_bytes=MIB) as journal:
            for number in range(20):
                ids = [f"{number}-{one}".ljust(100) for one in range(500)]
                await say(journal, *[draft("x", id=one, token=ALICE, time=1e12) for one in ids])
            await settled(journal)
            [(ids, entries)] = await on_thread(
                journal,
                lambda db: db.execute("SELECT (SELECT count(*) FROM ids), (SELECT count(*) FROM messages)").fetchall(),
            )
            assert entries > 500
            assert ids <= entries + 1_000
        assert on_disk(path) <= MIB

    run(main())


def test_without_one_nothing_goes(path: Path) -> None:
    async def main() -> None:
        async with opened(path, durability="os") as journal:
            await flood(journal, path, 1_000)
            assert journal.head(ROOM).first == 1

    run(main())


def test_what_is_no_message_can_not_go_and_the_room_goes_on(path: Path) -> None:
    """Facts alone may be more than the limit: the newest messages are then all that is tried."""

    async def main() -> None:
        async with opened(path, durability="os", max_bytes=MIB) as journal:
            kept = asyncio.get_running_loop().create_future()
            journal.keep({("claim", str(number)): "x" * 1_000 for number in range(2_000)}, kept.set_result)
            await kept
            assert await seqs(journal, draft(), draft()) == [1, 2]
            await settled(journal)
            assert await seqs(journal, draft()) == [3]

    run(main())
