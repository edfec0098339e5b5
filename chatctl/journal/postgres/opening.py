"""Opening a journal's schema: its layout, whether the log went back, what it holds.

Lives here: everything between a connection and the first change, at the start and after a connection was lost. Does not
live here: the connection (connection.py), which servers have it open (registering.py), the tables (layout.py), changes
(store.py).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
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
    is_registered,
    lock,
    register,
    register_anew,
    sweep_disconnected,
)
from chatctl.journal.postgres.texts import from_engine
from chatctl.journal.records import RoomRecord
from chatctl.journal.work import JournalLost

ENDS_KEPT = 100
"""Earlier epochs that a room remembers."""


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
    with db.transaction():
        changing_alone(db, place.schema)
        if has_house(db, place.schema):
            check_layout(db, place)
            _migrate(db, place.schema)
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
    house = _load(db, place.schema, engine)
    house.renewed = renewed
    me.mark = engine.mark
    return house


def resume_house(
    db: Connection, place: PostgresPlace, me: Registration, known: Mapping[str, RoomRecord], version: int
) -> Engine:
    """Take a schema again after a connection was lost, or this server was taken for dead.

    Args:
        db: the new connection.
        place: the schema.
        me: this server. It gets another id if it was swept.
        known: the rooms as their newest transaction of ours left them.
        version: of the newest change of facts of ours.

    Raises:
        EngineUnfit: nothing can be stored there now.
        JournalLost: another server has taken over, or the engine has lost what was committed.
        psycopg.Error: the engine refuses, or does not answer.
    """
    engine = inspect(db, place.schema)
    try:
        lock(db, place, me)
    except ChatError as error:
        raise JournalLost(error.text) from None
    if not has_house(db, place.schema):
        raise JournalLost("its schema is gone")
    with db.transaction():
        changing_alone(db, place.schema)
        run(db, "SELECT {}.move(%s)", place.schema, engine.mark)
        house = _load(db, place.schema, engine)
        if lost := _lost(db, place.schema, house, me, known, version):
            run(db, "SELECT {}.renew(%s, %s, %s, %s)", place.schema, *_new_generation(engine), me.mark != engine.mark)
    if lost:
        raise JournalLost(lost)
    if any(house.rooms[name].epoch != room.epoch for name, room in known.items() if name in house.rooms):
        raise JournalLost("another server has given the log new epochs")
    if not is_registered(db, place.schema, me):
        grown = any(room.last > (known[name].last if name in known else 0) for name, room in house.rooms.items())
        if not me.shared and (grown or house.version > version):
            raise JournalLost("another server has written meanwhile")
        (register_anew if me.shared else register)(db, place.schema, me)
    me.mark = engine.mark
    return engine


def _lost(
    db: Connection, schema: str, house: House, me: Registration, known: Mapping[str, RoomRecord], version: int
) -> str:
    """Return what the engine has not that it had committed; empty: nothing, and that is certain.

    Where the log was moved, others may have written since: what was there when it was moved is what counts.
    """
    there = house.rooms
    if any(there[name].epoch != room.epoch for name, room in known.items() if name in there):
        return ""  # whoever noticed it first has given the rooms new epochs
    has, newest = {name: room.last for name, room in there.items()}, house.version
    if me.mark != house.engine.mark:
        [(was, newest)] = run(db, "SELECT was, base FROM {}.house", schema)
        if was != me.mark and house.engine.durability != "replica":
            return "the engine was moved or restarted several times, and may have lost its last messages"
        has = dict(run(db, "SELECT name, base FROM {}.rooms", schema).fetchall())
    if missing := sum(max(0, room.last - has.get(name, 0)) for name, room in known.items()):
        return f"the engine has lost its last messages ({missing} of them)"
    return "the engine has lost its last changes of names and rules" if newest < version else ""


def _migrate(db: Connection, schema: str) -> None:
    row = run(db, "SELECT layout FROM {}.house", schema).fetchone()
    if row is not None and row[0] < LAYOUT:
        migrate(db, schema, row[0])


# --- the layout


def has_house(db: Connection, schema: str) -> bool:
    """Return whether a schema is a journal's."""
    return db.execute("SELECT to_regclass(%s)", (f"{schema}.house",)).fetchone() != (None,)


def make(db: Connection, place: PostgresPlace) -> None:
    """Make a schema where there is none, or what goes into an empty one; ``house`` has no row yet. Raises ChatError."""
    schema = place.schema
    if db.execute("SELECT to_regnamespace(%s)", (schema,)).fetchone() == (None,):
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
    run(db, "SELECT {}.renew(%s, %s, %s)", schema, *_new_generation(engine))
    if mark.split("/")[:4] != engine.mark.split("/")[:4]:
        return "it was restored from a backup, or a standby was promoted, and may have lost its last messages"
    return "the engine was restarted, and may have lost its last messages"


def _new_generation(engine: Engine) -> tuple[str, str, int]:
    return secrets.token_hex(16), engine.mark, ENDS_KEPT


# --- what it holds


def _load(db: Connection, schema: str, engine: Engine) -> House:
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
