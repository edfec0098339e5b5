"""Connections that never wait for ever, and what an engine says of itself."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.connection import DEFAULTS, EngineSilent, _defaults, connect, inspect
from chatctl.journal.postgres.engine_errors import EngineUnfit, is_lost
from tests.support.engine import Engine


def test_a_statement_that_takes_too_long_leaves_no_connection(place: PostgresPlace) -> None:
    """What it does is unknown, and the next answer could be its."""
    db = connect(place, "test", seconds=0.2)
    begun = time.monotonic()
    with pytest.raises(EngineSilent):
        db.execute("SELECT pg_sleep(20)")
    assert time.monotonic() - begun < 10
    assert is_lost(db)


def test_one_that_is_answered_in_time_leaves_it_as_it_was(place: PostgresPlace) -> None:
    with connect(place, "test", seconds=20) as db:
        assert db.execute("SELECT 1 FROM pg_sleep(0.3)").fetchall() == [(1,)]
        assert not is_lost(db)
        with pytest.raises(psycopg.errors.DivisionByZero):
            db.execute("SELECT 1/0")
        assert not is_lost(db)
    assert is_lost(db)


def test_the_mark_is_that_of_cluster_timeline_database_and_schema(place: PostgresPlace) -> None:
    with connect(place, "test") as db:
        before = inspect(db, place.schema).mark
        db.execute(f"CREATE SCHEMA {place.schema}")
        after = inspect(db, place.schema).mark
        assert before != after == inspect(db, place.schema).mark
        assert after.split("/")[1] == "00000001"


@pytest.mark.parametrize(
    ("setting", "why"), [("default_transaction_read_only%3Don", "it is read-only"), ("client_encoding%3DLATIN1", "")]
)
def test_an_engine_that_takes_nothing_is_told_apart(engine: Engine, setting: str, why: str) -> None:
    place = PostgresPlace(f"{engine.uri}&options=-c%20{setting}")
    with connect(place, "test") as db:
        if why:
            with pytest.raises(EngineUnfit, match=why):
                inspect(db, "none")
        else:  # ours is what counts: texts are sent as UTF-8
            assert db.info.encoding == "utf-8"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("postgresql://chat@db/chat?targt=1", 'it has no parameter "targt"'),
        ("postgresql://chat@db/chat?sslmode=require&targt_x=1", 'it has no parameter "targt_x"'),
        ("postgresql://chat:pa/x?secret=x@db/chat", "is there a % or @"),
        ("postgresql://chat:pa%x@db/chat?targt=1", "is there a % or @"),
    ],
)
def test_a_parameter_that_libpq_does_not_know_is_named(uri: str, why: str) -> None:
    """Unless it may be a part of the password."""
    with pytest.raises(EngineUnfit) as caught:
        connect(PostgresPlace(uri), "test")
    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_uri_that_is_none_is_not_repeated() -> None:
    """What libpq says of it may have the password in it."""
    with pytest.raises(EngineUnfit, match="can't read this URI") as caught:
        connect(PostgresPlace("postgresql://chat:sec%zzret@db/chat"), "test")
    assert "ret" not in str(caught.value).replace("read", "")


def test_what_a_connection_does_of_a_network_that_drops_all_is_for_the_operator_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the URI, by libpq's variables, by a service file."""
    for name in ("PGCONNECT_TIMEOUT", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    assert _defaults("postgresql://db/chat") == DEFAULTS
    uri = "postgresql://db/chat?tcp_user_timeout=0&keepalives_idle=60"
    assert set(DEFAULTS) - set(_defaults(uri)) == {"tcp_user_timeout", "keepalives_idle"}
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "60")
    assert set(DEFAULTS) - set(_defaults("postgresql://db/chat")) == {"connect_timeout"}
    services = tmp_path / "services"
    services.write_text("[chat]\nkeepalives_count=9\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGSERVICE", "chat")
    assert set(DEFAULTS) - set(_defaults("postgresql://db/chat")) == {"connect_timeout", "keepalives_count"}


def test_a_database_of_another_encoding_is_refused(engine: Engine) -> None:
    """It has no place for most characters."""
    engine.sql("CREATE DATABASE old TEMPLATE template0 ENCODING 'SQL_ASCII'")
    with (
        connect(PostgresPlace(engine.uri.replace("/chat?", "/old?")), "test") as db,
        pytest.raises(EngineUnfit, match="SQL_ASCII"),
    ):
        inspect(db, "none")
