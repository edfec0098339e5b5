"""Epochs: they stay as long as the log is the same, and change when it went back in time."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from chatctl.errors import ChatError
from chatctl.journal.rollback_check import Mark, stamp_path
from chatctl.journal.sqlite import SqliteJournal
from chatctl.journal.store import Store
from chatctl.journal.work import JournalLost
from tests.support.journals import ROOM, draft, reopen, run, write
from tests.support.journals import opened as opened_journal
from tests.support.journals import say as say_in

FILES = ("", "-wal", ".stamp")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def copy_files(path: Path, folder: Path, suffixes: tuple[str, ...] = FILES) -> None:
    folder.mkdir(exist_ok=True)
    for suffix in suffixes:
        if beside(path, suffix).exists():
            shutil.copy2(beside(path, suffix), folder)


def alter(path: Path, **fields: object) -> None:
    """Change what the stamp says, as if it had been written under other circumstances."""
    stamp = stamp_path(path)
    mark = msgspec.json.decode(stamp.read_bytes(), type=Mark)
    stamp.write_bytes(msgspec.json.encode(msgspec.structs.replace(mark, **fields)))


def crash(path: Path, words: int = 3, durability: str = "disk", boot: str = "boot 1") -> str:
    """Write and go down without closing anything: the lobby's epoch."""
    store = Store(path, durability, boot=boot)
    if "lobby" not in store.rooms:
        store.add_room("lobby", "first epoch")
    store.commit([[draft(str(number)) for number in range(words)]])
    kept = {suffix: beside(path, suffix).read_bytes() for suffix in FILES if beside(path, suffix).exists()}
    epoch = store.rooms["lobby"].epoch
    store._db.close()  # this writes the WAL back: undo it
    store._stamp.leave()
    for suffix, data in kept.items():
        beside(path, suffix).write_bytes(data)
    mark = msgspec.json.decode(kept[".stamp"], type=Mark)
    alter(path, written=mark.written)
    return epoch


def epoch_at(path: Path, boot: str, durability: str = "disk") -> tuple[str, str | None]:
    store = Store(path, durability, boot=boot)
    store.close()
    return store.rooms["lobby"].epoch, store.renewed


def test_it_stays_when_the_journal_is_closed_and_opened_again(path: Path) -> None:
    epoch = write(path, "a")
    assert write(path, "b") == epoch
    assert reopen(path) == (epoch, ["a", "b"], None)


@pytest.mark.parametrize("durability", ["os", "disk"])
def test_it_stays_when_the_process_was_killed(path: Path, durability: str) -> None:
    epoch = crash(path, durability=durability)
    assert epoch_at(path, "boot 1") == (epoch, None)


def test_it_stays_after_a_power_cut_at_disk(path: Path) -> None:
    """Nothing that was acknowledged is lost, so nobody may be told that it was."""
    epoch = crash(path)
    assert epoch_at(path, "boot 2") == (epoch, None)


@pytest.mark.parametrize(("before", "boot"), [("boot 1", "boot 2"), ("", "")])
def test_it_changes_after_a_power_cut_at_os(path: Path, before: str, boot: str) -> None:
    """Where the run of the machine can't be told, it may have been one."""
    epoch = crash(path, durability="os", boot=before)
    renewed, why = epoch_at(path, boot)
    assert renewed != epoch
    assert why is not None
    assert "went down" in why
    assert epoch_at(path, boot) == (renewed, None)


def test_what_counts_is_how_safe_it_was_before_the_cut(path: Path) -> None:
    """To serve at ``disk`` from now on does not bring back what ``os`` lost."""
    epoch = crash(path, durability="os")
    assert epoch_at(path, "boot 2", "disk")[0] != epoch


def test_a_machine_that_went_down_after_a_clean_end_lost_nothing(path: Path) -> None:
    store = Store(path, "os", boot="boot 1")
    store.add_room("lobby", "first epoch")
    store.commit([[draft()]])
    store.close()
    assert epoch_at(path, "boot 2") == ("first epoch", None)


def test_it_changes_when_the_tail_is_gone(path: Path) -> None:
    epoch = crash(path, words=1)
    wal = beside(path, "-wal")
    size = wal.stat().st_size
    crash(path, words=5)
    with wal.open("rb+") as file:
        file.truncate(size)
    renewed, why = epoch_at(path, "boot 1")
    assert renewed != epoch
    assert why is not None
    assert "missing" in why


def test_it_changes_when_an_older_copy_of_the_file_is_put_back(path: Path, tmp_path: Path) -> None:
    epoch = write(path, "a")
    copy_files(path, tmp_path / "copy", ("",))
    write(path, "b")
    shutil.copy2(tmp_path / "copy" / path.name, path)
    renewed, texts, _ = reopen(path)
    assert renewed != epoch
    assert texts == ["a"]
    assert reopen(path)[0] == renewed


def test_it_changes_when_the_copy_was_renewed_and_the_first_file_comes_back(path: Path, tmp_path: Path) -> None:
    """Both logs are called the same up to the copy, and hold as many messages: only the generation tells."""
    write(path, "a")
    copy_files(path, tmp_path / "copy", ("",))
    epoch = write(path, "b")
    shutil.move(path, tmp_path / "first.db")
    shutil.copy2(tmp_path / "copy" / path.name, path)
    other = write(path, "c")
    shutil.move(tmp_path / "first.db", path)
    assert reopen(path)[0] not in (epoch, other)


@pytest.mark.parametrize("damage", ["missing", "empty", "garbage"])
def test_it_changes_when_the_stamp_says_nothing(path: Path, damage: str) -> None:
    epoch = write(path, "a")
    stamp = stamp_path(path)
    if damage == "missing":
        stamp.unlink()
    else:
        stamp.write_bytes(b"" if damage == "empty" else b"\xff{}")
    renewed, texts, why = reopen(path)
    assert renewed != epoch
    assert texts == ["a"]
    assert why


def test_it_changes_when_the_whole_folder_is_put_back(path: Path) -> None:
    """The stamp file is put back as well, but the kernel notes when it was changed, and so does the stamp itself."""
    epoch = write(path, "a")
    alter(path, written=msgspec.json.decode(stamp_path(path).read_bytes(), type=Mark).written - 60)
    renewed, _, why = reopen(path)
    assert renewed != epoch
    assert why is not None
    assert "folder" in why


def test_all_rooms_get_new_epochs_and_keep_their_numbers(path: Path) -> None:
    async def heads() -> dict[str, tuple[str, int, int]]:
        async with opened_journal(path) as journal:
            await say_in(journal, draft(room="ops"), draft())
            return {room: (lambda h: (h.epoch, h.first, h.last))(journal.head(room)) for room in ("ops", ROOM)}

    before = run(heads())
    stamp_path(path).unlink()
    after = run(heads())
    assert before.keys() == after.keys()
    for room, (epoch, _, last) in before.items():
        assert after[room][0] != epoch
        assert after[room][2] == last + 1
    assert after["ops"][0] != after["lobby"][0]


def test_what_the_stamp_says_is_never_ahead_of_the_journal(path: Path) -> None:
    """Otherwise a kill between the two would be taken for a loss."""
    store = Store(path, "os", boot="boot 1")
    store.add_room("lobby", "first epoch")
    order: list[str] = []
    store._db.set_trace_callback(order.append)
    advance = store._stamp.advance
    store._stamp.advance = lambda total: (order.append(f"stamp {total}"), advance(total))
    store.commit([[draft(), draft()]])
    assert order[-2:] == ["COMMIT", "stamp 2"]
    store._db.set_trace_callback(None)
    store.close()


# --- what becomes of cursors: the journal knows where an earlier epoch ended


def end_of(path: Path, epoch: str) -> int | None:
    async def main() -> int | None:
        async with opened_journal(path) as journal:
            return journal.end_of(epoch, ROOM)

    return run(main())


def test_a_doubt_about_the_stamp_loses_no_cursor(path: Path) -> None:
    """mv, chmod, a hard link: the log is the same, only its name is another."""
    epoch = write(path, "a", "b", "c")
    stamp_path(path).unlink()
    assert end_of(path, epoch) == 3
    second = write(path, "d")
    assert second != epoch
    stamp_path(path).unlink()
    assert (end_of(path, epoch), end_of(path, second), end_of(path, "other")) == (3, 4, None)


def test_a_log_that_went_back_shares_with_its_epochs_what_it_still_has(path: Path, tmp_path: Path) -> None:
    first = write(path, "a", "b", "c")
    stamp_path(path).unlink()
    second = write(path, "d")
    copy_files(path, tmp_path / "copy", ("",))
    write(path, "e")
    shutil.copy2(tmp_path / "copy" / path.name, path)
    assert (end_of(path, first), end_of(path, second)) == (3, 4)


def test_an_older_copy_cuts_the_epochs_before_its_own_too(path: Path, tmp_path: Path) -> None:
    first = write(path, "a")
    copy_files(path, tmp_path / "copy", ("",))
    write(path, "b", "c")
    shutil.copy2(tmp_path / "copy" / path.name, path)
    assert end_of(path, first) == 1
    assert write(path, "x") != first
    assert end_of(path, first) == 1


def test_only_so_many_epochs_are_remembered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a doubt at every start must not make the journal grow."""
    monkeypatch.setattr("chatctl.journal.store._ENDS_KEPT", 2)
    epochs = []
    for word in "abcd":
        epochs.append(write(path, word))
        stamp_path(path).unlink()
    write(path, "e")
    assert [end_of(path, epoch) for epoch in epochs] == [None, None, 3, 4]


def test_a_file_system_whose_clock_is_off_raises_no_doubt(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of files has a clock of its own."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 10.0)
    epoch = write(path, "a")
    assert reopen(path) == (epoch, ["a"], None)
    crash(path)
    assert epoch_at(path, "boot 1")[0] == epoch


def test_a_journal_of_the_version_before_gets_the_table_and_keeps_its_epoch(path: Path) -> None:
    epoch = write(path, "a")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TABLE ends")
        db.execute("PRAGMA user_version = 2")
    assert reopen(path) == (epoch, ["a"], None)
    stamp_path(path).unlink()
    assert end_of(path, epoch) == 1


# --- files that go while it is open


@pytest.mark.parametrize("gone", ["-wal", ""])
def test_a_file_that_goes_while_it_is_open_ends_it(path: Path, gone: str) -> None:
    """What would be written from then on, nobody would find again. What was acknowledged before is in the database."""
    acknowledged: list[str] = []

    async def main() -> list[ChatError]:
        failed: list[ChatError] = []
        ended = asyncio.Event()
        journal = SqliteJournal(path, on_fatal=lambda error: (failed.append(error), ended.set()))
        await say_in(journal, draft("a"), draft("b"))
        beside(path, gone).unlink()
        journal.append([draft("c")], lambda _: acknowledged.append("c"))
        await ended.wait()
        await journal.close()
        return failed

    [error] = run(main())
    assert "removed or replaced while it was open" in error.text
    assert acknowledged == []
    if gone:
        copy_files(path, path.parent / "found", ("", ".stamp"))  # this process still holds the lock
        _, texts, _ = reopen(path.parent / "found" / path.name)
        assert texts[:2] == ["a", "b"]


def test_a_removed_write_ahead_log_is_noticed_while_nobody_speaks(path: Path) -> None:
    """By the check that a minute brings, not by the next message."""
    store = Store(path)
    store.add_room(ROOM, "epoch")
    store.commit([[draft("a")]])
    store.check_files()
    beside(path, "-wal").unlink()
    with pytest.raises(JournalLost, match="write-ahead log"):
        store.check_files()
    store.abandon()
