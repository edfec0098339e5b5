"""Free space: what deleted messages leave goes back to the file system, in pieces, and some stays for new ones."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from chatctl.journal.free_space import FreeSpace
from chatctl.journal.schema import NEW_FILE
from tests.support.journals import draft, opened, run, say, trim

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def half_empty(path: Path, mode: str, pages: int) -> sqlite3.Connection:
    """Return a database with so many unused pages, and as many used ones."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(mode)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    db.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")
    db.executemany("INSERT INTO rows VALUES (?, ?)", [(number, "x" * 4000) for number in range(2 * pages)])
    db.execute("DELETE FROM rows WHERE number < ?", (pages,))
    db.execute("COMMIT")
    return db


def unused(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA freelist_count").fetchone()[0])


def test_it_is_given_back_in_pieces_and_some_stays(path: Path) -> None:
    db, space = half_empty(path, NEW_FILE, 1000), FreeSpace()
    pieces = []
    while space.more:
        pieces.append(space.release(db))
    assert max(pieces) == 256, "an append waits no longer than for one of these"
    assert unused(db) == 256
    assert space.release(db) == 0
    db.close()


def test_little_of_it_is_left_alone(path: Path) -> None:
    db, space = half_empty(path, NEW_FILE, 200), FreeSpace()
    assert space.release(db) == 0
    assert not space.more
    db.close()


def test_a_limit_leaves_nothing_to_spare(path: Path) -> None:
    db, space = half_empty(path, NEW_FILE, 200), FreeSpace()
    space.max_pages = 210  # 200 are in use, and 2 of them say where the others are
    while space.more:
        space.release(db)
    assert db.execute("PRAGMA page_count").fetchone()[0] <= 210
    db.close()


def test_a_file_that_can_not_give_back_is_left_alone(path: Path) -> None:
    """As journals of earlier versions, until they are rebuilt."""
    db, space = half_empty(path, "PRAGMA auto_vacuum = NONE", 1000), FreeSpace()
    before = unused(db)
    assert space.release(db) == 0
    assert unused(db) == before
    db.close()


def test_a_journal_that_is_trimmed_gets_smaller_by_itself(path: Path) -> None:
    """10,000 messages of a kilobyte, then only the last 100: 12 MiB would stay for ever."""

    def size() -> int:
        return path.stat().st_size

    async def main() -> None:
        async with opened(path, durability="os") as journal:
            for _ in range(10):
                await say(journal, *[draft("x" * 1000) for _ in range(1000)])
        assert size() > 10 << 20
        async with opened(path, durability="os", keep_messages=100) as journal:
            await trim(journal)
            while size() > 2 << 20:
                await asyncio.sleep(0.01)
            await say(journal, draft())
        assert size() <= 2 << 20

    run(main())
