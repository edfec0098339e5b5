"""Opening a journal's schema: its layout, whether the log went back, what it holds.

Lives here: everything between a server's first connection and its first change. Does not live here: the connection
(connection.py), what follows when it was lost (resuming.py), which servers have the schema open (registering.py), the
tables (layout.py), changes (store.py).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from psycopg import sql

from chatctl.common.journal_uri import PostgresPlace, without_password
from chatctl.errors import ChatError
from chatctl.journal.postgres.connection import Connection, Engine, inspect, run
from chatctl.journal.postgres.layout import LAYOUT, UNFINISHED, statements
from chatctl.journal.postgres.migrations import OLDEST, migrate
from chatctl.journal.postgres.registering import (
    Registration,
    changing_alone,
    lock,
    register,
    sweep_disconnected,
    tell_level,
    wait_until_unused,
)
from chatctl.journal.postgres.texts import from_engine
from chatctl.journal.records import RoomRecord
from chatctl.journal.work import JournalLost

COPIED = "copied"
"""The mark of a schema that was copied: the copy may go on where it ends."""

ENDS_KEPT = 100
"""Earlier epochs that a room remembers."""

_HAS_HOUSE = """
SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = 'house'
"""
"""Not to_regclass(), which may answer from the engine's cache what was so before a lock was waited for."""


@dataclass(slots=True)
class House:
    """What a schema holds, apart from its entries, when it is opened."""

    engine: Engine
    generation: str
    version: int
    """Of the newest change of facts."""
    rooms: dict[str, RoomRecord]
    renewed: str | None = None
    """Why its rooms got new epochs; None: they did not."""


def epoch_of(generation: str, room: str) -> str:
    """Return the epoch of a new room: the same for all who ask, as the function ``renew`` makes them."""
    return hashlib.sha256(f"{generation} {room}".encode()).hexdigest()[:16]


def open_house(db: Connection, place: PostgresPlace, me: Registration) -> House:
    """Take a schema for this server, alone or beside others that share it; make it, if there is none.

    Raises:
        EngineUnfit: nothing can be stored there now.
        ChatError: another server has it, it is no journal, or one of another chatctl.
        psycopg.Error: the engine refuses, or does not answer.
    """
    inspect(db, place.schema)
    lock(db, place, me)
    if _older_layout(db, place.schema) is not None:
        wait_until_unused(db, place, patient=True)
    with db.transaction():
        changing_alone(db, place.schema)
        if has_house(db, place.schema):
            check_layout(db, place)
            _migrate(db, place)
            engine = inspect(db, place.schema)
        else:
            make(db, place)
            engine = inspect(db, place.schema)
            fill_house(db, place.schema, engine.mark)
        renewed = _renew_if_moved(db, place.schema, engine)
        if not me.shared:
            for table in ("servers", "done", "claimed"):  # we have the lock: they are gone
                run(db, f"DELETE FROM {{}}.{table}", place.schema)  # noqa: S608 — ours
    sweep_disconnected(db, place.schema)  # not in the transaction: it locks what all who come and go wait for
    register(db, place.schema, me)
    tell_level(db, place.schema, me, engine.durability)
    house = load_house(db, place.schema, engine)
    house.renewed = renewed
    me.mark = engine.mark
    return house


def _older_layout(db: Connection, schema: str) -> int | None:
    """Return the layout of a schema, if it is an earlier one."""
    row = run(db, "SELECT layout FROM {}.house", schema).fetchone() if has_house(db, schema) else None
    return row[0] if row is not None and row[0] < LAYOUT else None


def _migrate(db: Connection, place: PostgresPlace) -> None:
    """Bring a schema up to date. A server that has it open could not go on with it."""
    layout = _older_layout(db, place.schema)
    if layout is not None:
        wait_until_unused(db, place, patient=False)
        migrate(db, place.schema, layout)


# --- the layout


def has_house(db: Connection, schema: str) -> bool:
    """Return whether a schema is a journal's."""
    return db.execute(_HAS_HOUSE, (schema,)).fetchone() is not None


def make(db: Connection, place: PostgresPlace) -> None:
    """Make a schema where there is none, or what goes into an empty one; ``house`` has no row yet. Raises ChatError."""
    schema = place.schema
    if db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
        db.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    elif db.execute("SELECT 1 FROM pg_class WHERE relnamespace = %s::regnamespace LIMIT 1", (schema,)).fetchone():
        raise ChatError(
            f"the schema {schema} of {without_password(place.uri)} holds something else: name another one with "
            "--journal-schema"
        )
    db.execute(statements(schema).encode())


def fill_house(db: Connection, schema: str, mark: str, layout: int = LAYOUT) -> None:
    """Make the row that a new journal has of itself."""
    values = layout, secrets.token_hex(16), mark
    run(db, "INSERT INTO {}.house (layout, generation, mark) VALUES (%s, %s, %s)", schema, *values)


def check_layout(db: Connection, place: PostgresPlace) -> None:
    """Raise ChatError if a schema that is there is of another chatctl."""
    row = run(db, "SELECT layout FROM {}.house", place.schema).fetchone()
    if row == (UNFINISHED,):
        raise ChatError(f"the journal {place} is an unfinished copy: 'chatctl journal copy' continues it")
    if row is None or not OLDEST <= row[0] <= LAYOUT:
        found = "none" if row is None else row[0]
        raise ChatError(
            f"the journal {place} has the layout {found}, and this chatctl knows {LAYOUT}: update chatctl, or name "
            "another schema with --journal-schema"
        )


# --- whether the log went back


def _renew_if_moved(db: Connection, schema: str, engine: Engine) -> str | None:
    """Give the log new epochs if it is not where it was last written; return why; None: it is there."""
    [(mark,)] = run(db, "SELECT mark FROM {}.house", schema)
    if mark == engine.mark:
        return None
    run(db, "SELECT {}.renew(%s, %s, %s)", schema, *new_generation(engine))
    if mark == COPIED:
        return "it was copied with 'chatctl journal copy'"
    if mark.split("/")[:4] != engine.mark.split("/")[:4]:
        return "it was restored from a backup, or a standby was promoted, and may have lost its last messages"
    return "the engine was restarted, and may have lost its last messages"


def new_generation(engine: Engine) -> tuple[str, str, int]:
    """Return the first arguments of the function ``renew``."""
    return secrets.token_hex(16), engine.mark, ENDS_KEPT


# --- what it holds


def load_house(db: Connection, schema: str, engine: Engine) -> House:
    """Return what a schema holds. Raises JournalLost: nothing."""
    row = run(db, "SELECT generation, version FROM {}.house", schema).fetchone()
    if row is None:
        raise JournalLost("its schema is empty")
    rooms = {
        name: RoomRecord(0, name, epoch, first, last, time)
        for name, epoch, first, last, time in run(db, "SELECT name, epoch, first, last, time FROM {}.rooms", schema)
    }
    return House(engine, row[0], row[1], rooms)


def load_facts(db: Connection, schema: str) -> dict[tuple[str, str], str]:
    """Return all facts."""
    rows = run(db, "SELECT kind, key, value FROM {}.facts WHERE value IS NOT NULL", schema)
    return {(from_engine(kind), from_engine(key)): from_engine(value) for kind, key, value in rows}


def load_ends(db: Connection, schema: str) -> dict[tuple[str, str], int]:
    """Return the last entry that each earlier epoch shares with the log, by room and epoch."""
    return {(room, epoch): last for room, epoch, last in run(db, "SELECT room, epoch, last FROM {}.ends", schema)}
