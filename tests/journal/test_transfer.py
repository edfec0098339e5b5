"""Transfers between a file and a database: everything stays what it is, and an interrupted one goes on."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal import transfer as transfers
from chatctl.journal.moving import move
from chatctl.journal.postgres.transfer import PostgresTarget, backup_schema, read_schema
from chatctl.journal.schema import unfinished_path
from chatctl.journal.sqlite_transfer import SqliteTarget
from tests.support.engine import Engine
from tests.support.journals import (
    ALICE,
    BOB,
    ROOM,
    Place,
    draft,
    ids_stored,
    on_store,
    opened,
    reopen,
    run,
    say,
    texts,
    trim,
    write,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "rooms.db"


@pytest.fixture
def schema(engine: Engine) -> PostgresPlace:
    return engine.place()


@pytest.fixture(params=["into the database", "into a file"])
def ends(request: pytest.FixtureRequest, file: Path, schema: PostgresPlace, tmp_path: Path) -> Any:
    (tmp_path / "state").mkdir()
    return (file, schema) if request.param == "into the database" else (schema, file)


def fill(place: Place) -> dict[str, Any]:
    """Make a journal with something of everything in it; return what there is."""

    async def main() -> None:
        async with opened(place, keep_messages=8) as journal:
            said = [draft(f"{number}\0\x1a☺", token=ALICE, id=f"{number}\0", time=time.time()) for number in range(20)]
            await say(journal, *said, draft("/me", action=True), draft(room="ops"))
            journal.follow("empty", lambda _: None)
            await journal.redact(ROOM, [15], {("log", "1"): "redacted", ("topic", "lobby\0"): "a\x1a"})
            await trim(journal)

    run(main())
    return look(place)


def look(place: Place) -> dict[str, Any]:
    async def main() -> dict[str, Any]:
        async with opened(place) as journal:
            heads = {room: journal.head(room) for room in sorted(journal.rooms())}
            known = draft(token=ALICE, id="3\0", append=False), draft("?", token=BOB, id="3", append=False)
            repeat = await say(journal, *known)
            return {
                "rooms": {room: (head.epoch, head.first, head.last) for room, head in heads.items()},
                "entries": {room: list(await journal.read(room, 0, 100)) for room in heads},
                "facts": journal.facts(),
                "ids": await ids_stored(journal),
                "repeat": repeat[0],
                "other": repeat[1].duplicate,
                "renewed": journal.renewed,
            }

    return run(main())


def test_numbers_epochs_ids_facts_and_times_stay_what_they_are(ends: Any) -> None:
    """Who comes back goes on where they were, and a repeat is one."""
    before = fill(ends[0])
    assert before["rooms"][ROOM][1:] == (14, 21)
    assert before["repeat"].duplicate
    state = move(ends)
    assert state.pieces == 22
    assert look(ends[1]) == before


def test_the_one_that_is_left_is_another_log_when_it_is_opened_again(ends: Any) -> None:
    """Two logs with one epoch would give a number two messages."""
    before = fill(ends[0])
    move(ends)
    left = look(ends[0])
    assert left["rooms"][ROOM][0] != before["rooms"][ROOM][0]
    assert "it was copied with 'chatctl journal copy'" in left["renewed"]
    assert left["entries"] == before["entries"]
    assert look(ends[1])["rooms"] == before["rooms"]


def test_earlier_epochs_are_known_there_too(ends: Any, engine: Engine) -> None:
    async def end_of(place: Place, epoch: str) -> int | None:
        async with opened(place) as journal:
            return journal.end_of(epoch, ROOM)  # type: ignore[no-any-return]

    first = write(ends[0], "one", "two")
    if isinstance(ends[0], Path):
        ends[0].with_name("rooms.db.stamp").unlink()
    else:
        engine.sql(f"UPDATE {ends[0].schema}.house SET mark = 'x'", database="chat")
    second = write(ends[0], "three")
    assert second != first
    move(ends)
    assert run(end_of(ends[1], first)) == 2
    assert reopen(ends[1]) == (second, ["one", "two", "three"], None)


def test_it_overwrites_nothing(ends: Any) -> None:
    write(ends[0], "source")
    kept = write(ends[1], "precious")
    target = f"the file {ends[1]} " if isinstance(ends[1], Path) else f"the schema {ends[1].schema} of postgresql://"
    with pytest.raises(ChatError, match="a copy does not overwrite one") as refused:
        move(ends)
    assert refused.value.text.startswith(target), "which of the two is meant"
    assert reopen(ends[1])[:2] == (kept, ["precious"])
    assert reopen(ends[0])[1:] == (["source"], None)


def test_a_schema_that_a_server_has_opened_once_is_not_empty(schema: PostgresPlace, file: Path, tmp_path: Path) -> None:
    """Though nothing was said there: its servers have their names and keys in it."""
    (tmp_path / "state").mkdir()
    write(file, "source")

    async def open_once() -> None:
        async with opened(schema):
            pass

    run(open_once())
    with pytest.raises(ChatError, match=r"as it has once a server has opened it: .*DROP SCHEMA"):
        move((file, schema))


def test_one_that_was_interrupted_goes_on_and_no_server_opens_it_meanwhile(
    ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(ends[0])
    monkeypatch.setattr(transfers, "PIECE", 4)
    kind = SqliteTarget if isinstance(ends[1], Path) else PostgresTarget
    put, puts = kind.put, []

    def counted(target: Any, *piece: Any) -> None:
        puts.append([entry.seq for entry in piece[1]])
        if len(puts) == 5:
            raise KeyboardInterrupt
        put(target, *piece)

    monkeypatch.setattr(kind, "put", counted)
    with pytest.raises(KeyboardInterrupt):
        move(ends)
    if isinstance(ends[1], Path):
        assert not ends[1].exists()
    else:
        with pytest.raises(ChatError, match="is an unfinished copy: 'chatctl journal copy' continues it"):
            reopen(ends[1])
    before_it = len(puts)
    told: list[int] = []
    move(ends, lambda numbers, of: told.append(numbers))
    assert puts[before_it] == puts[before_it - 1], "from the piece that was not finished"
    assert sum(told) == 22
    assert look(ends[1]) == before


def test_one_that_lacks_its_last_step_only_is_finished(
    file: Path, schema: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when all was written and the file had not its name yet."""
    (tmp_path / "state").mkdir()
    before = fill(schema)
    with monkeypatch.context() as killed:
        killed.setattr("chatctl.journal.sqlite_transfer.publish", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            move((schema, file))
    assert unfinished_path(file).exists()
    move((schema, file))
    assert not unfinished_path(file).exists()
    assert look(file) == before


@pytest.mark.parametrize("first", ["the next copy", "a server"])
def test_the_name_that_it_had_is_gone_also_if_it_was_killed_before_that(
    first: str, file: Path, schema: PostgresPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same file: whoever removed it as a leftover, or put it elsewhere, might wonder which one is in use."""
    (tmp_path / "state").mkdir()
    fill(schema)
    with monkeypatch.context() as killed:
        killed.setattr("chatctl.journal.sqlite_transfer.discard_second_name", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            move((schema, file))
    assert unfinished_path(file).samefile(file)
    if first == "a server":
        reopen(file)
    else:
        with pytest.raises(ChatError, match="already exists"):
            move((schema, file))
    assert not unfinished_path(file).exists()


def test_an_unfinished_copy_beside_another_journal_stays(file: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    unfinished_path(file).write_text("of another")
    write(file, "one")
    assert unfinished_path(file).read_text() == "of another"


def test_what_changed_in_between_is_not_mixed(ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was redacted since would be in the copy for good."""
    fill(ends[0])
    kind = SqliteTarget if isinstance(ends[1], Path) else PostgresTarget
    with monkeypatch.context() as killed:
        killed.setattr(kind, "finish", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            move(ends)

    async def redact() -> None:
        async with opened(ends[0]) as journal:
            await journal.redact(ROOM, [16], {("log", "2"): "redacted"})

    run(redact())
    with pytest.raises(ChatError, match="was begun with another source, or one that has changed since"):
        move(ends)


def test_a_journal_in_use_is_not_moved(ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.journal.postgres.registering._WAIT_SECONDS", 0.0)

    async def main() -> None:
        async with opened(ends[0]) as journal:
            await say(journal, draft())
            with pytest.raises(ChatError, match="is in use"):
                move(ends)

    run(main())


def test_a_source_that_is_not_there_makes_no_target(file: Path, engine: Engine, schema: PostgresPlace) -> None:
    for ends in ((file, schema), (schema, file)):
        with pytest.raises(ChatError, match="there is no journal"):
            move(ends)  # type: ignore[arg-type]
    assert engine.sql("SELECT to_regnamespace(%s)", schema.schema, database="chat") == [(None,)]
    assert not file.parent.exists()


def test_a_source_with_holes_is_not_finished(ends: Any, engine: Engine) -> None:
    write(ends[0], *"abc")
    if isinstance(ends[0], Path):
        return  # not opened at all: test_rollback_check.py
    engine.sql(f"DELETE FROM {ends[0].schema}.entries WHERE seq = 2", database="chat")
    with pytest.raises(ChatError, match="the room lobby has holes between 1 and 3"):
        move(ends)
    assert not ends[1].exists()


def test_a_backup_of_a_file_is_another_log_in_the_database_too(
    file: Path, schema: PostgresPlace, tmp_path: Path
) -> None:
    """Its original goes on."""
    from chatctl.journal.backup import backup_file

    epoch = write(file, "one")
    backup_file(file, tmp_path / "copy.db")
    move((tmp_path / "copy.db", schema))
    assert reopen(schema)[0] != epoch
    assert reopen(file) == (epoch, ["one"], None)


# --- backups and exports of a schema


def test_a_backup_is_a_file_that_holds_one_moment_and_is_another_log(schema: PostgresPlace, tmp_path: Path) -> None:
    async def main() -> str:
        async with opened(schema) as journal:
            await say(journal, draft("one", token=ALICE, id="k"))
            backup_schema(schema, tmp_path / "copy.db")
            await say(journal, draft("two"))
            return journal.head(ROOM).epoch  # type: ignore[no-any-return]

    epoch = run(main())
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]
    renewed, said, why = reopen(tmp_path / "copy.db")
    assert (said, renewed != epoch) == (["one"], True)
    assert why is not None
    assert reopen(schema)[0] == epoch

    async def known() -> None:
        async with opened(tmp_path / "copy.db") as journal:
            assert journal.end_of(epoch, ROOM) == 1
            assert (await say(journal, draft("one", token=ALICE, id="k")))[0].duplicate

    run(known())


def test_a_backup_overwrites_nothing_and_leaves_nothing_of_one_that_failed(
    schema: PostgresPlace, tmp_path: Path
) -> None:
    write(schema, "one")
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(ChatError, match="a backup does not overwrite"):
        backup_schema(schema, tmp_path / "copy.db")
    missing = schema._replace(schema="nothing")
    with pytest.raises(ChatError, match="there is no journal"):
        backup_schema(missing, tmp_path / "other.db")
    assert [path.name for path in tmp_path.iterdir()] == ["copy.db"]


def test_a_room_is_read_in_pieces_also_while_it_is_in_use(
    schema: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatctl.journal.postgres.transfer.PIECE", 2)

    async def main() -> None:
        async with opened(schema) as journal:
            await say(journal, *[draft(str(number)) for number in range(5)])
            times = [entry.time for entry in await journal.read(ROOM, 0, 5)]
            await on_store(journal, f"UPDATE {{}}entries SET time = {times[0]} + seq RETURNING 1")
            assert [entry.text for entry in read_schema(schema, ROOM)] == ["0", "1", "2", "3", "4"]
            some = read_schema(schema, ROOM, times[0] + 2, times[0] + 5)
            assert [entry.text for entry in some] == ["1", "2", "3"]
            with pytest.raises(ChatError, match="has no room 'ops'"):
                list(read_schema(schema, "ops"))
            with contextlib.closing(read_schema(schema, ROOM, is_over=lambda: True)) as entries:
                next(entries)
                with pytest.raises(ChatError, match="the deadline passed"):
                    next(entries)
            assert await texts(journal) == ["0", "1", "2", "3", "4"]

    run(main())
