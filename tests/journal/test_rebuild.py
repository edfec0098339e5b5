"""Rebuilding: nothing of what was redacted is in any file afterwards, all else is, and the room goes on meanwhile."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from chatctl.errors import StorageFailed
from chatctl.journal import rebuild as rebuild_module
from chatctl.journal.rebuild import rebuild_path
from chatctl.journal.sqlite import SqliteJournal
from chatctl.protocol import Msg
from tests.support.journals import ALICE, ROOM, draft, on_thread, opened, reopen, run, say, seqs, texts

NEEDLE = "hunter2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def holding(path: Path, word: str) -> list[str]:
    """Return the names of the files beside the journal that have a word in their bytes."""
    return [
        file.name for file in sorted(path.parent.iterdir()) if file.is_file() and word.encode() in file.read_bytes()
    ]


async def fill(journal: SqliteJournal, count: int) -> None:
    """Say so many messages of all sizes in many rooms by turns: pages are split, and leave copies of rows behind."""
    chance = random.Random(5)
    for _ in range(count // 50):
        await say(
            journal,
            *[
                draft(f"<{number}> " * chance.choice([1, 1, 2, 5, 30, 200]), room=f"r{chance.randrange(8)}")
                for number in range(50)
            ],
        )


async def redact(journal: SqliteJournal, room: str, *numbers: int) -> None:
    await journal.redact(room, numbers, {})
    await journal.rebuild()


def test_nothing_of_what_was_redacted_is_in_any_file(path: Path) -> None:
    """While the server runs, and after it: SQLite's own ``secure_delete`` leaves copies in pages that were split."""

    async def main() -> None:
        async with opened(path) as journal:
            for turn in range(20):
                await fill(journal, 100)
                texts = [f"{NEEDLE} " * length for length in (1, 40, 900)]
                await say(journal, *[draft(text, nick=f"{NEEDLE}{turn}", room="r1") for text in texts])
            wanted = [entry.seq for entry in await journal.read("r1", 0, 100_000) if NEEDLE in entry.text]
            assert len(wanted) == 60
            assert "rooms.db-wal" in holding(path, NEEDLE)
            await redact(journal, "r1", *wanted)
            assert holding(path, NEEDLE) == []
            left = [entry for entry in await journal.read("r1", 0, 100_000) if entry.redacted]
            assert [entry.seq for entry in left] == wanted
            assert {(entry.nick, entry.text, entry.action) for entry in left} == {("", "", False)}
        assert holding(path, NEEDLE) == []

    run(main())


def test_what_was_emptied_only_is_found_in_a_file(path: Path) -> None:
    """This is why the file is written anew: the test above can fail."""

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft(NEEDLE))
            await journal.redact(ROOM, [1], {})
            assert holding(path, NEEDLE) == ["rooms.db-wal"]

    run(main())


def test_all_else_is_as_it_was(path: Path) -> None:
    async def main() -> Sequence[Msg]:
        async with opened(path) as journal:
            await say(journal, draft("a", id="1", token=ALICE), draft("b", action=True), draft(room="ops"))
            journal.keep({("topic", "x"): "y"}, lambda _: None)
            before, head = await journal.read(ROOM, 0, 10), journal.head(ROOM)
            await journal.rebuild()
            assert await journal.read(ROOM, 0, 10) == before
            assert await seqs(journal, draft("a", id="1", token=ALICE), draft("c")) == [1, 3]
        async with opened(path) as journal:
            assert journal.renewed is None
            assert (journal.head(ROOM).epoch, journal.head("ops").last) == (head.epoch, 1)
            assert journal.facts() == {("topic", "x"): "y"}
            return await journal.read(ROOM, 0, 10)

    assert [entry.text for entry in run(main())] == ["a", "b", "c"]


def test_a_repeat_of_what_was_redacted_is_still_a_duplicate(path: Path) -> None:
    """Or the next retry of a client that never got its answer says it once more."""

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft(NEEDLE, id="1", token=ALICE))
            await redact(journal, ROOM, 1)
            [receipt] = await say(journal, draft(NEEDLE, id="1", token=ALICE))
            assert (receipt.seq, receipt.duplicate) == (1, True)
        assert holding(path, NEEDLE) == []

    run(main())


def test_the_rooms_go_on_meanwhile(path: Path) -> None:
    """What is said, kept and redacted while the file is written is in it, from the first piece to the last."""

    async def main() -> None:
        async with opened(path, durability="os") as journal:
            await fill(journal, 4_000)
            rebuilding = asyncio.ensure_future(journal.rebuild())
            said = 0
            while not rebuilding.done():
                await say(journal, draft(f"{said}"), draft(NEEDLE, room="r1"))
                said += 1
                if not rebuilding.done():  # sometimes before its room is copied, sometimes after
                    await journal.redact("r1", [said], {("a", "b"): str(said)})
                    redacted = said
            await rebuilding
            assert redacted > 1
            assert await texts(journal) == [str(number) for number in range(said)]
            assert all(entry.redacted for entry in await journal.read("r1", 0, redacted))
        async with opened(path) as journal:
            assert journal.renewed is None
            assert len(await texts(journal)) == said
            assert journal.facts() == {("a", "b"): str(redacted)}

    run(main())


def test_a_room_that_was_trimmed_keeps_its_first_number_and_its_ids(path: Path) -> None:
    async def main() -> None:
        async with opened(path, keep_messages=2) as journal:
            await say(journal, draft("a", id="1", token=ALICE, time=2e9), *[draft() for _ in range(5)])
            while journal.head(ROOM).first != 5:
                await asyncio.sleep(0)
            await journal.rebuild()
        async with opened(path, keep_messages=2) as journal:
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (5, 6)
            assert await seqs(journal, draft("a", id="1", token=ALICE)) == [1]

    run(main())


def test_without_space_for_it_nothing_is_touched(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft("a"))
            usage = shutil.disk_usage(path.parent)._replace(free=1)
            with monkeypatch.context() as small:
                small.setattr(shutil, "disk_usage", lambda _: usage)
                with pytest.raises(StorageFailed, match=r"not rebuilt: that needs .* are free"):
                    await journal.rebuild()
            assert await seqs(journal, draft("b")) == [2]

    run(main())


@pytest.mark.parametrize("fails", ["replace", "fsync"])
def test_one_that_fails_leaves_the_journal_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """A file that is mounted by itself can't be replaced; a disk may be full. The room goes on."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft("a"))
            with monkeypatch.context() as broken:
                broken.setattr(Path if fails == "replace" else os, fails, refuse)
                with pytest.raises(StorageFailed, match="is used as it was: device or resource busy"):
                    await journal.rebuild()
            assert not rebuild_path(path).exists()
            assert await seqs(journal, draft("b")) == [2]
            await journal.rebuild()

    run(main())
    assert reopen(path)[1:] == (["a", "b"], None)


def test_who_opens_the_file_right_when_it_is_replaced_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export, say, which found it without a lock between our two connections."""
    real = rebuild_module.sync_folder

    def replaced(folder: Path) -> None:
        real(folder)
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        threading.Timer(1.0, other.close).start()  # longer than a start waits

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft("a"))
            monkeypatch.setattr(rebuild_module, "sync_folder", replaced)
            await journal.rebuild()
            assert await seqs(journal, draft("b")) == [2]

    run(main())
    assert reopen(path)[1:] == (["a", "b"], None)


def test_what_a_killed_server_left_of_a_new_file_is_removed(path: Path) -> None:
    async def main() -> None:
        async with opened(path):
            pass
        rebuild_path(path).write_bytes(b"half of it")
        async with opened(path) as journal:
            assert not rebuild_path(path).exists()
            assert await seqs(journal, draft()) == [1]

    run(main())


def test_a_journal_of_an_older_version_learns_to_give_space_back(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE first (one)")  # a file's mode is settled with its first table
        db.execute("DROP TABLE first")
    db.close()

    async def main() -> None:
        async with opened(path) as journal:
            mode = "PRAGMA auto_vacuum"
            assert await on_thread(journal, lambda db: db.execute(mode).fetchone()) == (0,)
            await say(journal, draft("a"))
            await journal.rebuild()
            assert await on_thread(journal, lambda db: db.execute(mode).fetchone()) == (2,)
            assert await texts(journal) == ["a"]

    run(main())


def test_a_backup_is_finished_first(path: Path) -> None:
    """Both copy from one connection: each has to see one file from its beginning to its end."""

    async def main() -> None:
        async with opened(path, durability="os") as journal:
            await fill(journal, 2_000)
            await asyncio.gather(journal.backup(copy), journal.rebuild(), say(journal, draft("a")))
            assert await texts(journal) == ["a"]

    copy = path.with_name("backup.db")
    run(main())
    assert reopen(copy)[2] is not None


def test_those_who_wait_for_one_are_served_by_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred redactions one after the other must not write a large file a hundred times."""
    made: list[Path] = []
    create = rebuild_module.create_file
    monkeypatch.setattr(
        rebuild_module, "create_file", lambda path, *args, **more: made.append(path) or create(path, *args, **more)
    )

    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, *[draft(NEEDLE) for _ in range(20)])
            await asyncio.gather(*[redact(journal, ROOM, number) for number in range(1, 21)])
            assert holding(path, NEEDLE) == []
            assert len(made) <= 3
            await journal.rebuild()
            assert len(made) <= 4

    run(main())
