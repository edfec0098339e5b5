"""The journal's promises on a real file: numbers, order, ids, callbacks, opening and closing."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.journal.sqlite import SqliteJournal
from tests.support.journals import (
    ALICE,
    draft,
    held,
    on_thread,
    opened,
    reopen,
    run,
    say,
    seqs,
    texts,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rooms.db"


def test_all_that_waits_is_one_transaction_and_one_call_of_the_loop(path: Path) -> None:
    """Group commit: a hundred senders share one fsync."""

    async def main() -> None:
        async with opened(path) as journal:
            statements: list[str] = []
            await on_thread(journal, lambda db: db.set_trace_callback(statements.append))
            calls: list[int] = []
            posted: list[object] = []
            post = journal._writer._post
            journal._writer._post = lambda call, *args: (posted.append(call), post(call, *args))
            async with held(journal):
                for number in range(100):
                    journal.append([draft(), draft(room="ops")], lambda _, number=number: calls.append(number))
            await on_thread(journal, lambda db: db.set_trace_callback(None))
            assert statements.count("COMMIT") == 1
            assert calls == list(range(100))
            assert posted == [journal._dispatcher.committed]

    run(main())


def test_a_probe_is_really_committed_and_leaves_nothing(path: Path) -> None:
    """A probe that skips the disk would call a dead disk healthy."""

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft())
            wal = path.with_name(path.name + "-wal")
            before = wal.stat().st_size
            [receipt] = await say(journal, draft(persist=False, token=ALICE, id="k"))
            assert (receipt.seq, receipt.duplicate) == (None, False)
            assert wal.stat().st_size > before
            assert await texts(journal) == ["hi"]
            assert await seqs(journal, draft(token=ALICE, id="k")) == [2]

    run(main())


def test_the_file_is_0600_in_a_folder_made_0700(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "rooms.db"

    async def main() -> list[int]:
        async with opened(path) as journal:
            await say(journal, draft())
            files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", ".stamp")]
            return [stat.S_IMODE(file.stat().st_mode) for file in [*files, path.parent, path.parent.parent]]

    before = tmp_path.stat().st_mode
    assert run(main()) == [0o600, 0o600, 0o600, 0o700, 0o700]
    assert tmp_path.stat().st_mode == before
    path.chmod(0o644)
    assert run(main())[0] == 0o600


@pytest.mark.parametrize(("durability", "synchronous"), [("os", 1), ("disk", 2)])
def test_durability_is_what_the_file_is_told(path: Path, durability: str, synchronous: int) -> None:
    async def main() -> None:
        async with opened(path, durability=durability) as journal:
            assert journal.durability == durability
            for name, expected in {
                "synchronous": synchronous,
                "journal_mode": "wal",
                "locking_mode": "exclusive",
                "mmap_size": 0,
                "application_id": 0x63687463,
                "user_version": 3,
                "wal_autocheckpoint": 0,
            }.items():
                query = f"PRAGMA {name}"
                row = await on_thread(journal, lambda db, query=query: db.execute(query).fetchone())
                assert row == (expected,), name

    run(main())


def test_the_wal_is_written_back_and_starts_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would grow for as long as the server runs."""
    monkeypatch.setattr("chatctl.journal.store.CHECKPOINT_AFTER", 50)

    async def main() -> None:
        async with opened(path, durability="os") as journal:
            sizes = []
            for _ in range(200):
                await say(journal, draft("x" * 1000))
                sizes.append(path.with_name(path.name + "-wal").stat().st_size)
            assert max(sizes) == sizes[-1] < 1_000_000

    run(main())
    assert path.stat().st_size > 150_000
    assert len(reopen(path)[1]) == 200


def test_every_commit_is_checked_to_go_to_the_file_that_has_the_name(path: Path) -> None:
    """A journal whose file was removed would go on acknowledging into nothing."""
    fatal: list[ChatError] = []

    async def main() -> None:
        told = asyncio.Event()
        journal = SqliteJournal(path, on_fatal=lambda error: (fatal.append(error), told.set()))
        await say(journal, draft())
        await asyncio.to_thread(path.rename, path.with_name("elsewhere.db"))
        journal.append([draft()], lambda _: pytest.fail("answered"))
        await told.wait()
        await journal.close()

    run(main())
    assert "removed or replaced" in fatal[0].text
