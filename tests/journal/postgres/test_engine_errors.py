"""Errors of the engine, as those who wait and those who operate see them."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.engine_errors import fatal_error, is_temporary, open_error, reason, storage_failed
from chatctl.journal.work import JournalLost

SEVERAL = """connection failed: connection to server at "10.0.0.2", port 5432 failed: Connection refused
\tIs the server running on that host and accepting TCP/IP connections?
Multiple connection attempts failed. All failures were:
- host: '10.0.0.1', port: '5432', hostaddr: '10.0.0.1': connection timeout expired
- host: '10.0.0.2', port: '5432', hostaddr: '10.0.0.2': connection failed: connection to server at "10.0.0.2", port \
5432 failed: Connection refused"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'connection failed: connection to server at "db", port 5432 failed: FATAL:  password authentication failed '
            'for user "chat"\nconnection to server at "db", port 5432 failed: FATAL:  again',
            'connection to server at "db", port 5432 failed: password authentication failed for user "chat" (check '
            "PGPASSFILE, ~/.pgpass or PGPASSWORD)",
        ),
        ("permission denied for schema x", "permission denied for schema x (the role has to own the schema: ALTER "
         "SCHEMA room OWNER TO role)"),
        ('relation "room.servers" does not exist', 'relation "room.servers" does not exist (it was removed: restore '
         "the schema room, or name another one with --journal-schema)"),
        (SEVERAL, "10.0.0.1: connection timeout expired; connection to server at \"10.0.0.2\", port 5432 failed: "
         "Connection refused (is it running there?)"),
        (SEVERAL.replace("connection timeout expired", "session is read-only"), "10.0.0.1: session is read-only (it is "
         "a standby: start the primary, or promote one); connection to server at \"10.0.0.2\", port 5432 failed: "
         "Connection refused (is it running there?)"),
        ("FATAL:  sorry, too many clients already", "sorry, too many clients already (a server takes three "
         "connections: raise max_connections, or the role's CONNECTION LIMIT)"),
        ("bad \x1b[2J thing", "bad ␛[2J thing"),
        ("", "OperationalError"),
    ],
)  # fmt: skip
def test_a_reason_is_one_line_with_what_to_do(text: str, expected: str) -> None:
    assert reason(psycopg.OperationalError(text), "room") == expected


def test_what_an_operator_is_told_has_no_password() -> None:
    place = PostgresPlace("postgresql://chat:secret@db/chat?sslpassword=hidden")
    text = open_error(place, psycopg.OperationalError("no")).text
    assert text == "cannot open the journal postgresql://chat:***@db/chat?sslpassword=***: no"


def test_a_fault_of_ours_has_its_traceback_in_the_crash_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is not the database: nobody should look there."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    place = PostgresPlace("postgresql://db/chat")
    assert fatal_error(place, JournalLost("gone")).text == (
        "the journal postgresql://db/chat failed: gone; restart the server"
    )
    assert not list(tmp_path.iterdir())
    told = fatal_error(place, KeyError("planted"))
    assert told.text.startswith("internal error in chatctl: KeyError('planted'); the details are in ")
    assert "KeyError: 'planted'" in (tmp_path / "crash.log").read_text()


@pytest.mark.parametrize(
    ("error", "temporary", "text"),
    [
        (psycopg.errors.DiskFull, True, "the disk of the server's database is full: nothing was stored"),
        (psycopg.errors.ReadOnlySqlTransaction, True, "the server's database refuses (told): nothing was stored"),
        (psycopg.errors.DeadlockDetected, True, "the server's database refuses (told)"),
        (psycopg.errors.InsufficientPrivilege, True, "the server's database refuses (told): nothing was stored"),
        (psycopg.errors.AdminShutdown, True, "the server's database refuses (told)"),
        (psycopg.errors.UniqueViolation, False, "this can't be stored: UniqueViolation"),
        (psycopg.errors.UndefinedFunction, False, "this can't be stored: UndefinedFunction"),
    ],
)
def test_who_may_try_again_is_told_so(error: type[psycopg.Error], temporary: bool, text: str) -> None:
    assert is_temporary(error("told")) == temporary
    told = storage_failed(error("told"))
    assert told.text.startswith(text)
    assert (told.retry_after is not None) == temporary
