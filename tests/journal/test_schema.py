"""Files that somebody has edited: refused before anything in them is read, and left as they are."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.journal.offline import read_offline
from chatctl.journal.store import Store
from tests.support.journals import write

ENDLESS = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n)"

EDITS = {
    "a view without an end in the place of a table": "DROP TABLE messages; CREATE VIEW messages AS "
    f"{ENDLESS} SELECT 1 AS room, x AS seq, 0.0 AS time, 'n' AS nick, 't' AS text, 0 AS action FROM n",
    "a view beside the tables": f"CREATE VIEW more AS {ENDLESS} SELECT x FROM n",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON rooms BEGIN DELETE FROM messages; END",
    "an index over an expression": "CREATE INDEX i ON messages (abs(seq))",
    "a table more": "CREATE TABLE more (x)",
    "a table less": "DROP TABLE facts",
    "columns of another type": "DROP TABLE facts; CREATE TABLE facts (kind, key, value)",
    "a column that is computed": "DROP TABLE facts; CREATE TABLE facts (kind TEXT NOT NULL, key TEXT NOT NULL,"
    " value TEXT NOT NULL AS (hex(key)), PRIMARY KEY (kind, key))",
    "a table whose name is a command": 'CREATE TABLE "\x1b]0;pwned\x07" (x)',
}

VALUES = {
    "a number that is a text": "UPDATE messages SET seq = '<script>' WHERE seq = 2",
    "a time that is a text": "UPDATE messages SET time = 'soon' WHERE seq = 2",
    "a name that is bytes": "UPDATE messages SET nick = x'00ff' WHERE seq = 2",
    "a text that is bytes": "UPDATE messages SET text = x'00ff' WHERE seq = 2",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = tmp_path / "rooms.db"
    write(journal, "one", "two")
    return journal


def edit(path: Path, statements: str) -> None:
    db = sqlite3.connect(path)
    db.executescript(statements)
    db.close()


def refused(path: Path) -> list[str]:
    """Return how a server and an export refuse a file, after they have left it as it was."""
    content = path.read_bytes()
    with pytest.raises(ChatError) as served:
        Store(path)
    with pytest.raises(ChatError) as exported:
        list(read_offline(path, "lobby"))
    assert path.read_bytes() == content
    return [served.value.text, exported.value.text]


@pytest.mark.parametrize("edited", EDITS)
def test_what_we_do_not_define_ourselves_is_refused(path: Path, edited: str) -> None:
    edit(path, EDITS[edited])
    for text in refused(path):
        assert "is not as chatctl defines it): put a copy" in text
        assert text.isprintable()


@pytest.mark.parametrize("edited", VALUES)
def test_a_value_of_another_type_is_refused(path: Path, edited: str) -> None:
    edit(path, VALUES[edited])
    for text in refused(path):
        assert "not of its column's type" in text


@pytest.mark.parametrize(
    "edited",
    [
        "UPDATE rooms SET epoch = x'00'",
        "UPDATE rooms SET name = x'00'",
        "INSERT INTO facts VALUES ('topic', x'00', '')",
        "INSERT INTO ids VALUES (1, 'a text', 'i', 1, 0.0)",
        "UPDATE meta SET generation = x'00'",
    ],
)
def test_so_is_one_of_what_a_server_alone_reads(path: Path, edited: str) -> None:
    edit(path, edited)
    with pytest.raises(ChatError, match="not of its column's type"):
        Store(path)


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal"])
def test_a_pipe_is_no_journal_nor_a_part_of_one(path: Path, suffix: str) -> None:
    """SQLite would wait for somebody who writes to it, for ever."""
    pipe = path.with_name(path.name + suffix)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    for refuse in (Store, lambda path: list(read_offline(path, "lobby"))):
        with pytest.raises(ChatError, match="it is not a regular file"):
            refuse(path)
