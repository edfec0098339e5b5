"""URIs of journals in PostgreSQL, and what of them is shown."""

from __future__ import annotations

import pytest

from chatctl.common.journal_uri import PostgresPlace, check_schema_name, has_password, is_mistyped, is_postgres


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://db/chat", "postgresql://db/chat"),
        ("postgresql:///chat?host=/run/postgresql", "postgresql:///chat?host=/run/postgresql"),
        ("postgresql://chat@db1,db2/chat", "postgresql://chat@db1,db2/chat"),
        ("postgresql://chat:sec@ret@db/chat", "postgresql://chat:***@db/chat"),
        ("postgres://chat:secret@[::1]:5432/chat", "postgres://chat:***@[::1]:5432/chat"),
        ("postgresql://:secret@/chat", "postgresql://:***@/chat"),
        ("postgresql://db/chat?password=secret&user=a", "postgresql://db/chat?password=***&user=a"),
        ("postgresql://db/chat?user=a&PASSWORD=secret", "postgresql://db/chat?user=a&PASSWORD=***"),
        ("postgresql://db/chat?sslpassword=secret#x", "postgresql://db/chat?sslpassword=***#x"),
    ],
)
def test_no_password_is_shown(uri: str, shown: str) -> None:
    assert str(PostgresPlace(uri)) == shown
    assert has_password(uri) == ("***" in shown)
    assert "secret" not in str(PostgresPlace(uri, "ops"))


def test_another_schema_is_told_too() -> None:
    assert str(PostgresPlace("postgresql:///chat", "ops")) == "postgresql:///chat (schema ops)"


@pytest.mark.parametrize("text", ["rooms.db", "/postgresql:/x", "postgresql:/x", "mysql://db", "none", ""])
def test_all_else_is_none(text: str) -> None:
    assert not is_postgres(text)


@pytest.mark.parametrize(
    "text",
    [
        *("postgresql:/chat@127.0.0.1:5601/chat", "postgresql:chat", "postgres:/x", "postgres:", "POSTGRES:x"),
        *(
            "postgresql//chat@h/d",
            "Postgresql://h/d",
            "postgressql://h/d",
            "postgresql+psycopg://h/d",
            " postgres://h/d",
        ),
        *("host=db dbname=chat", "dbname=chat", "user=chat password=secret", "service = chat", "hostaddr=::1"),
    ],
)
def test_what_was_meant_for_a_database_is_no_file(text: str) -> None:
    assert is_mistyped(text)
    assert not is_mistyped(f"./{text}")


@pytest.mark.parametrize("text", ["postgres.db", "postgres/rooms.db", "rooms.db", "/srv/postgres:1", "ghost=1", "none"])
def test_a_file_may_have_a_name_like_it(text: str) -> None:
    assert not is_mistyped(text)
    assert not is_mistyped("postgresql://h/d")


@pytest.mark.parametrize("name", ["", "Ops", "1st", "a-b", 'a"b', "pg_x", "information_schema", "x" * 49, "é"])
def test_a_schema_has_a_name_that_needs_no_quotes(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name for a schema"):
        check_schema_name(name)
    assert check_schema_name("ops_2") == "ops_2"
