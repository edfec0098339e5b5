"""Backups: whole, marked, 0600, and never over something else."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.journal import backup
from chatctl.journal.backup import backup_file
from chatctl.journal.sqlite import SqliteJournal
from tests.support.journals import ROOM, draft, on_thread, opened, reopen, run, say, send, texts, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "monday.db"


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_backup_of_a_running_journal_holds_what_was_committed(path: Path, copy: Path) -> None:
    async def main() -> str:
        async with opened(path) as journal:
            await say(journal, draft("a"), draft("b"))
            await journal.backup(copy)
            await say(journal, draft("c"))
            return journal.head(ROOM).epoch

    epoch = run(main())
    assert files(copy.parent) == ["monday.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    renewed, said, _ = reopen(copy)
    assert said == ["a", "b"]
    assert renewed != epoch
    assert reopen(path) == (epoch, ["a", "b", "c"], None)


def test_appends_and_pages_go_on_while_it_is_made(path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what they bring meanwhile is in the copy."""
    monkeypatch.setattr("chatctl.journal.store._BACKUP_PAGES", 1)
    copying, asked, answered = threading.Event(), threading.Event(), threading.Event()

    async def main() -> None:
        async with opened(path) as journal:
            between = journal._writer.between

            def halted() -> None:
                copying.set()
                asked.wait(5)
                between()
                answered.wait(5)

            journal._writer.between = halted
            await say(journal, *[draft("x" * 1000) for _ in range(50)])
            backup = asyncio.ensure_future(journal.backup(copy))
            await asyncio.to_thread(copying.wait, 5)
            said = send(journal, draft("meanwhile"))
            page = asyncio.ensure_future(journal.read(ROOM, 50, 3))
            await asyncio.sleep(0)  # lets it be asked for
            asked.set()
            await asyncio.wait_for(said, 2)
            assert [entry.text for entry in await asyncio.wait_for(page, 2)] == ["meanwhile"]
            assert not backup.done()
            answered.set()
            await backup

    run(main())
    assert reopen(copy)[1] == ["x" * 1000] * 50 + ["meanwhile"]


def test_it_overwrites_nothing(path: Path, copy: Path) -> None:
    copy.write_text("precious")

    async def main() -> None:
        async with opened(path) as journal:
            with pytest.raises(ChatError, match="does not overwrite"):
                await journal.backup(copy)

    run(main())
    with pytest.raises(ChatError, match="does not overwrite"):
        backup_file(path, copy)
    assert copy.read_text() == "precious"
    assert files(copy.parent) == ["monday.db"]


def test_a_place_that_cannot_be_written_is_named(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def main() -> None:
        async with opened(path) as journal:
            with pytest.raises(ChatError, match="cannot write the backup"):
                await journal.backup(tmp_path / "file" / "monday.db")
            await say(journal, draft())

    run(main())


def test_a_copy_that_fails_leaves_the_journal_alone_and_nothing_behind(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def main() -> None:
        async with opened(path) as journal:
            with monkeypatch.context() as patch:
                patch.setattr("chatctl.journal.store.Store.copy_to", full)
                with pytest.raises(ChatError, match=r"cannot write the backup .*full"):
                    await journal.backup(copy)
            await say(journal, draft())
            await journal.backup(copy)

    run(main())
    assert files(copy.parent) == ["monday.db"]


def test_only_one_at_a_time_and_none_after_the_end(path: Path, copy: Path) -> None:
    async def main() -> None:
        journal = SqliteJournal(path)
        first = asyncio.ensure_future(journal.backup(copy))
        await asyncio.sleep(0)
        with pytest.raises(ChatError, match="already"):
            await journal.backup(copy.with_name("other.db"))
        await first
        await journal.close()
        with pytest.raises(ChatError, match="closed"):
            await journal.backup(copy.with_name("other.db"))

    run(main())
    assert files(copy.parent) == ["monday.db"]


def test_a_journal_that_closes_gives_up_its_backup(path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping a server must not wait for gigabytes; what was said is committed all the same."""
    monkeypatch.setattr("chatctl.journal.store._BACKUP_PAGES", 1)
    copying, gate = threading.Event(), threading.Event()

    async def main() -> None:
        journal = SqliteJournal(path, durability="os")
        between = journal._writer.between

        def halted() -> None:
            copying.set()
            gate.wait(10)
            between()

        journal._writer.between = halted
        await say(journal, *[draft("x" * 1000) for _ in range(50)])
        backup = asyncio.ensure_future(journal.backup(copy))
        await asyncio.to_thread(copying.wait, 10)
        last = send(journal, draft("last"))
        closing = asyncio.ensure_future(journal.close())
        await asyncio.sleep(0)  # lets it begin
        gate.set()
        with pytest.raises(ChatError, match="closed"):
            await backup
        await closing
        assert not isinstance(await last, ChatError)

    run(main())
    assert reopen(path)[1][-1] == "last"
    assert files(copy.parent) == []


def test_what_a_killed_backup_left_is_no_hindrance(path: Path, copy: Path) -> None:
    write(path, "a")
    left = copy.with_name("monday.db.partial")
    left.mkdir(0o700)
    (left / "copy.db").write_bytes(b"half")
    (left / "copy.db-journal").write_bytes(b"half")
    backup_file(path, copy)
    assert files(copy.parent) == ["monday.db"]
    assert reopen(copy)[1] == ["a"]


def test_others_can_put_nothing_beside_what_is_being_written(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite opens other files beside a database by their names, and follows links that are there."""
    modes, original = [], backup.begin

    def begin(path: Path) -> Path:
        partial = original(path)
        modes.append(stat.S_IMODE(partial.parent.stat().st_mode))
        assert partial.parent != copy.parent
        return partial

    monkeypatch.setattr(backup, "begin", begin)
    write(path, "a")
    backup_file(path, copy)
    assert modes == [0o700]


def test_what_is_in_the_way_is_left_alone(path: Path, copy: Path) -> None:
    """A link of somebody's to a folder in which files have the same names."""
    write(path, "a")
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir(0o700)
    (elsewhere / "copy.db").write_bytes(b"theirs")
    copy.with_name("monday.db.partial").symlink_to(elsewhere)
    with pytest.raises(ChatError, match="cannot write the backup"):
        backup_file(path, copy)
    assert (elsewhere / "copy.db").read_bytes() == b"theirs"
    assert files(copy.parent) == ["monday.db.partial"]


def test_a_file_at_rest_is_copied_and_a_running_one_refused(path: Path, copy: Path) -> None:
    epoch = write(path, "a")
    backup_file(path, copy)
    assert reopen(path) == (epoch, ["a"], None)
    renewed, said, _ = reopen(copy)
    assert (said, renewed != epoch) == (["a"], True)
    with pytest.raises(ChatError, match="no journal"):
        backup_file(path.with_name("none.db"), copy)

    async def main() -> None:
        async with opened(path):
            with pytest.raises(ChatError, match="in use"):
                backup_file(path, copy.with_name("other.db"))

    run(main())


def test_a_backup_put_in_the_journals_place_is_a_new_log(path: Path, copy: Path) -> None:
    """The classic restore: and what the stamp says about the log before does not matter."""
    epoch = write(path, "a")
    backup_file(path, copy)
    shutil.copy(copy, path)  # nothing was lost, and yet: who could know?
    renewed, said, why = reopen(path)
    assert said == ["a"]
    assert renewed != epoch
    assert why
    assert reopen(path) == (renewed, ["a"], None)


def test_the_wal_of_a_killed_server_is_not_replayed_into_a_restored_backup(path: Path, copy: Path) -> None:
    """SQLite replays whatever lies beside the file; two logs would be mixed."""

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, *[draft(f"first {number}") for number in range(100)])
            await journal.backup(copy)
            await on_thread(journal, lambda db: db.execute("PRAGMA wal_checkpoint").fetchall())
            await say(journal, *[draft(f"second {number}") for number in range(100)])
            wal.write_bytes(path.with_name("rooms.db-wal").read_bytes())

    wal = path.with_name("killed")
    run(main())
    shutil.copy(copy, path)
    wal.rename(path.with_name("rooms.db-wal"))
    assert reopen(path)[1] == [f"first {number}" for number in range(100)]
    assert path.with_name("rooms.db-wal.old").exists()


def test_a_backup_can_be_served_at_once_and_texts_are_whole(path: Path, copy: Path) -> None:
    write(path, *map(str, range(50)))
    backup_file(path, copy)

    async def main() -> None:
        async with opened(copy) as journal:
            assert (await say(journal, draft("50")))[0].seq == 51
            assert await texts(journal) == list(map(str, range(51)))

    run(main())
