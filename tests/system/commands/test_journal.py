"""``chatctl journal copy``: a server's journal moves, and its clients notice nothing; backups and exports beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.common.journal_uri import PostgresPlace
from tests.support.engine import Engine
from tests.support.fixture_types import Run, Serve
from tests.support.processes import err_line


@pytest.fixture
def place(engine: Engine) -> PostgresPlace:
    return engine.place()


def test_a_reader_goes_on_where_it_was_when_the_journal_has_moved_there_and_back(
    run: Run, serve: Serve, place: PostgresPlace, tmp_path: Path
) -> None:
    """One ``tail`` with a place in a file, over a file, a database and another file: each message once."""
    first, second = str(tmp_path / "rooms.db"), str(tmp_path / "back.db")
    schema = ("--journal-schema", place.schema)
    moves = [
        ("one", (), ("--journal", first)),
        ("two", (first, place.uri, *schema), ("--journal", place.uri, *schema)),
        ("three", (place.uri, second, *schema), ("--journal", second)),
    ]
    port = 0
    for word, copy, journal in moves:
        if copy:
            moved = run("journal", "copy", *copy)
            assert moved.returncode == 0, moved.stderr
            assert moved.stdout.startswith(b"messages copied: ")
        server = serve(*journal, port=port)
        port = server.port  # a token is for one address
        for said in ("one", word):
            assert run("send", said, "--id", f"id of {said}", port=port).returncode == 0
        start = () if copy else ("--since", "1d")
        read = run("tail", "--no-follow", "--cursor-file", str(tmp_path / "place"), *start, port=port)
        lines = read.stdout.decode().splitlines()
        assert [line.rpartition(" ")[2] for line in lines] == [word]
        assert read.stderr == b""
        server.stop()


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        (("a.db", "b.db"), "one of the two is a file, the other postgresql://..."),
        (("postgresql:///a", "postgresql:///b"), "one of the two is a file, the other postgresql://..."),
        (("a.db", "postgresql://u:secret@h/b"), "put it into the file that PGPASSFILE names"),
    ],
)
def test_what_is_no_move_is_refused(run: Run, ends: tuple[str, str], why: str) -> None:
    done = run("journal", "copy", *ends)
    assert done.returncode == 2
    assert why in err_line(done)
    assert b"secret" not in done.stderr


def test_a_backup_and_an_export_come_from_the_database_while_a_server_has_it(
    run: Run, serve: Serve, place: PostgresPlace, tmp_path: Path
) -> None:
    schema = ("--journal", place.uri, "--journal-schema", place.schema)
    server = serve(*schema)
    assert run("send", "one", port=server.port).returncode == 0
    backup = run("backup", str(tmp_path / "copy.db"), *schema)
    assert (backup.returncode, backup.stdout, backup.stderr) == (0, b"", b"")
    for journal in (schema, ("--journal", str(tmp_path / "copy.db"))):
        exported = run("export", "--format", "text", "--room", "lobby", *journal)
        assert (exported.returncode, exported.stderr) == (0, b"")
        assert exported.stdout.decode().count("one") == 1
    missing = run("export", "--room", "nowhere", *schema)
    assert missing.returncode == 6
    assert "has no room 'nowhere'" in err_line(missing)
