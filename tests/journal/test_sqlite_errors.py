"""Storage in trouble: what passes, what ends the server, what is refused at start."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import sqlite_errors
from chatctl.journal.sqlite import SqliteJournal, sqlite_defect
from chatctl.journal.store import Store
from tests.support.journals import (
    ROOM,
    Faulty,
    child,
    draft,
    failing,
    held,
    on_thread,
    opened,
    reopen,
    run,
    say,
    send,
    seqs,
    texts,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def test_a_full_disk_fails_the_senders_and_passes_by_itself(path: Path) -> None:
    """Nobody sees what was not stored, all that was can be read, and numbers stay dense."""

    async def main() -> None:
        async with opened(path) as journal:
            shown: list[int] = []
            journal.follow(ROOM, lambda entries: shown.extend(entry.seq for entry in entries))
            await say(journal, draft("before"))

            def limit(pages: int) -> Callable[[sqlite3.Connection], None]:
                return lambda db: void(db.execute(f"PRAGMA max_page_count = {pages}").fetchall())

            await on_thread(journal, limit(1))  # never below what it has
            big = [draft("x" * 4000, token=b"t", id=str(number)) for number in range(20)]
            for _ in range(3):
                outcome = await send(journal, *big)
                assert isinstance(outcome, StorageFailed)
                assert outcome.retry_after == sqlite_errors.RETRY_AFTER
                assert "full" in outcome.text
                assert str(path) not in outcome.text
            assert await texts(journal) == ["before"]
            await on_thread(journal, limit(1_000_000))
            assert await seqs(journal, *big) == list(range(2, 22))
            assert shown == list(range(1, 22))

    run(main())
    assert len(reopen(path)[1]) == 21


def void(_: object) -> None:
    return None


def test_a_room_that_was_opened_while_the_disk_was_full_is_stored_later(path: Path, faulty: list[Faulty]) -> None:
    """Its members have been told its epoch."""

    async def main() -> str:
        async with opened(path) as journal:
            faulty[0].fail = failing("BEGIN", sqlite3.SQLITE_FULL, "SQLITE_FULL")
            epoch = journal.follow(ROOM, lambda _: None).epoch
            assert isinstance(await send(journal, draft()), StorageFailed)
            faulty[0].fail = lambda _: None
            assert await seqs(journal, draft()) == [1]
            return epoch

    epoch = run(main())
    assert reopen(path) == (epoch, ["hi"], None)


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO ids", "COMMIT"])
@pytest.mark.parametrize(
    ("code", "name"),
    [(sqlite3.SQLITE_FULL, "SQLITE_FULL"), (sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE")],
)
def test_a_write_that_fails_is_taken_back_wherever_it_fails(
    path: Path, faulty: list[Faulty], statement: str, code: int, name: str
) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft("before"))
            faulty[0].fail = failing(statement, code, name)
            async with held(journal):
                answers = [send(journal, draft(word, token=b"t", id=word)) for word in "ab"]
            first, second = await asyncio.gather(*answers)
            assert isinstance(first, StorageFailed)
            assert isinstance(second, StorageFailed)
            assert await texts(journal) == ["before"]
            faulty[0].fail = lambda _: None
            [receipt] = await say(journal, draft("a", token=b"t", id="a"))
            assert (receipt.seq, receipt.duplicate) == (2, False)

    run(main())


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("COMMIT", sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"),
        ("COMMIT", sqlite3.SQLITE_IOERR_DIR_FSYNC, "SQLITE_IOERR_DIR_FSYNC"),
        ("COMMIT", sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"),
        ("wal_checkpoint", sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"),
    ],
)
def test_a_failed_fsync_is_never_acknowledged_and_ends_the_server(
    path: Path, faulty: list[Faulty], statement: str, code: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome is unknown: neither an acknowledgement nor a refusal would be true."""
    monkeypatch.setattr("chatctl.journal.store.CHECKPOINT_AFTER", 6)
    fatal: list[ChatError] = []
    answered: list[str] = []

    async def main() -> None:
        told = asyncio.Event()

        def on_fatal(error: ChatError) -> None:
            fatal.append(error)
            told.set()

        journal = SqliteJournal(path, on_fatal=on_fatal)
        await say(journal, draft("before"))
        faulty[0].fail = failing(statement, code, name)
        journal.append([draft("unsure")], lambda _: answered.append("first"))
        await told.wait()
        journal.append([draft("late")], lambda _: answered.append("late"))
        with pytest.raises(StorageFailed):
            await journal.read(ROOM, 0, 1)
        await journal.close()

    run(main())
    assert path.with_name("rooms.db-wal").exists()  # what is safe in it must not be moved by one more fsync
    assert answered == (["first"] if "checkpoint" in statement else [])  # that one was committed before
    [error] = fatal
    assert name in error.text
    assert str(path) in error.text
    assert error.exit_code != 0
    assert "\n" not in error.text


def test_a_page_that_cannot_be_read_fails_its_reader_alone(path: Path, faulty: list[Faulty]) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft())
            faulty[0].fail = failing("SELECT seq", sqlite3.SQLITE_IOERR_READ, "SQLITE_IOERR_READ")
            with pytest.raises(StorageFailed, match="can't read"):
                await journal.read(ROOM, 0, 1)
            faulty[0].fail = lambda _: None
            assert await seqs(journal, draft()) == [2]

    run(main())


def refused(path: Path) -> str:
    with pytest.raises(ChatError) as caught:
        Store(path)
    assert "\n" not in caught.value.text
    assert str(path) in caught.value.text
    return caught.value.text


def test_a_second_server_is_refused_and_does_the_first_no_harm(path: Path) -> None:
    async def main() -> None:
        async with opened(path) as journal:
            await say(journal, draft("a"))
            for _ in range(2):
                assert "is in use" in refused(path)
                assert "is in use" in await asyncio.to_thread(refused_elsewhere, path)
            await say(journal, draft("b"))

    run(main())
    assert reopen(path)[1] == ["a", "b"]


def refused_elsewhere(path: Path) -> str:
    program = f"from pathlib import Path; from chatctl.journal.store import Store; Store(Path({str(path)!r}))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False).stderr


def test_the_lock_of_a_killed_server_is_gone(path: Path) -> None:
    with child(path, "os") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        assert "is in use" in refused(path)
        process.kill()
        process.wait()
    assert reopen(path)[1]


def test_what_is_no_journal_is_refused_and_left_alone(path: Path) -> None:
    for content in (b"To whom it may concern,\n" * 50, b"x"):
        path.write_bytes(content)
        assert "not a chatctl journal" in refused(path)
        assert path.read_bytes() == content


def test_somebody_elses_database_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE photos (name)")
    db.close()
    path.chmod(0o644)
    content = path.read_bytes()
    assert "not a chatctl journal" in refused(path)
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o644
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_newer_journal_is_refused(path: Path) -> None:
    write(path, "a")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert "newer chatctl (schema 99" in refused(path)


@pytest.mark.parametrize("page", [1, 3, 5])
def test_a_damaged_file_is_refused_with_what_to_do(path: Path, page: int) -> None:
    write(path, *(str(number) * 100 for number in range(300)))
    with path.open("rb+") as file:
        file.seek(4096 * page)
        file.write(b"\xff" * 4096)
    text = refused(path)
    assert "damaged" in text
    assert "chatctl backup" in text


def test_a_log_with_holes_is_refused(path: Path) -> None:
    """Each page may be in order and the log not: two files were mixed."""
    write(path, "a", "b", "c")
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM messages WHERE seq = 2")
    db.close()
    assert "room lobby has holes" in refused(path)


def test_a_place_that_cannot_hold_a_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "rooms.db"):
        assert "cannot open the journal" in refused(path)


def test_a_file_that_was_only_begun_is_a_new_journal(path: Path) -> None:
    """A server that was killed in its first millisecond left an empty file."""
    path.touch()
    assert write(path, "a")


def test_old_versions_of_sqlite_are_named() -> None:
    assert "3.51.2" in (sqlite_defect((3, 51, 2)) or "")
    assert sqlite_defect((3, 51, 3)) is None
    assert sqlite_defect((3, 52, 0)) is None
