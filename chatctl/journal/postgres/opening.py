"""Opening a journal's schema: one server at a time, its layout, whether the log went back, what it holds.

Lives here: everything between a connection and the first change, at the start and after a connection was lost. Does not
live here: the connection (connection.py), the tables (layout.py), changes (store.py).
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from chatctl.common.journal_uri import PostgresPlace, without_password
from chatctl.errors import ChatError
from chatctl.journal.postgres.connection import Connection, Engine, inspect
from chatctl.journal.postgres.layout import LAYOUT, UNFINISHED, statements
from chatctl.journal.postgres.texts import from_engine
from chatctl.journal.records import RoomRecord
from chatctl.journal.work import JournalLost

ENDS_KEPT = 100
"""Earlier epochs that a room remembers."""

_WAIT_SECONDS = 3.0
"""How long to wait for the server that has the schema: one that is just ending, or whose connection just broke."""

_KEY = "hashtextextended('chatctl ' || %s, 0)"

_HOLDER = f"""
SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = {_KEY}
"""  # noqa: S608 — constants


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


def application_name(sid: str) -> str:
    """Return the name under which a server's connections are seen in the engine."""
    return f"chatctl {sid}"


def epoch_of(generation: str, room: str) -> str:
    """Return the epoch of a new room: the same for all who ask, as the function ``renew`` makes them."""
    return hashlib.sha256(f"{generation} {room}".encode()).hexdigest()[:16]


def open_house(db: Connection, place: PostgresPlace, sid: str, *, shared: bool = False) -> House:
    """Take a schema for this server, alone or beside others that share it; make it, if there is none.

    Raises:
        EngineUnfit: nothing can be stored there now.
        ChatError: another server has it, it is no journal, or one of another chatctl.
        psycopg.Error: the engine refuses, or does not answer.
    """
    inspect(db, place.schema)
    lock(db, place, sid, shared=shared)
    with db.transaction():
        db.execute(f"SELECT pg_advisory_xact_lock({_KEY} + 1)", (place.schema,))  # one of those that share it makes it
        if has_house(db, place.schema):
            check_layout(db, place)
            engine = inspect(db, place.schema)
        else:
            make(db, place)
            engine = inspect(db, place.schema)
            fill_house(db, place.schema, engine.mark)
        renewed = _renew_if_moved(db, place.schema, engine)
        if not shared:
            run(db, "DELETE FROM {}.servers", place.schema)  # we have the lock: they are gone
        _register(db, place.schema, sid)
    house = _load(db, place.schema, engine)
    house.renewed = renewed
    return house


def resume_house(
    db: Connection,
    place: PostgresPlace,
    sid: str,
    known: Mapping[str, RoomRecord],
    version: int,
    *,
    shared: bool = False,
) -> Engine:
    """Take a schema again after a connection was lost.

    Args:
        db: the new connection.
        place: the schema.
        sid: this server.
        known: the rooms as their newest transaction of ours left them.
        version: of the newest change of facts of ours.
        shared: as it was opened.

    Raises:
        EngineUnfit: nothing can be stored there now.
        JournalLost: another server has taken over, or the engine has lost what was committed.
        psycopg.Error: the engine refuses, or does not answer.
    """
    engine = inspect(db, place.schema)
    try:
        lock(db, place, sid, shared=shared)
    except ChatError as error:
        raise JournalLost(error.text) from None
    if not has_house(db, place.schema):
        raise JournalLost("its schema is gone")
    house = _load(db, place.schema, engine)
    _insist_on_whole(db, place.schema, house, known, version)
    if not run(db, "SELECT 1 FROM {}.servers WHERE sid = %s", place.schema, sid).fetchone():
        grown = any(room.last > (known[name].last if name in known else 0) for name, room in house.rooms.items())
        if shared or grown or house.version > version:
            raise JournalLost("another server has written meanwhile, or taken this one for dead")
        _register(db, place.schema, sid)
    run(db, "UPDATE {}.house SET mark = %s WHERE mark <> %s", place.schema, engine.mark, engine.mark)
    return engine


def _insist_on_whole(db: Connection, schema: str, house: House, known: Mapping[str, RoomRecord], version: int) -> None:
    """Return if the engine has all that it committed for us; else give the log new epochs, and raise JournalLost."""
    there = house.rooms
    missing = sum(max(0, room.last - (there[name].last if name in there else 0)) for name, room in known.items())
    if missing or house.version < version:
        _renew(db, schema, house.engine.mark)
        what = f"its last messages ({missing} of them)" if missing else "its last changes of names and rules"
        raise JournalLost(f"the engine has lost {what}")
    if any(there[name].epoch != room.epoch for name, room in known.items() if name in there):
        raise JournalLost("another server has opened it meanwhile")


# --- one at a time


def lock(db: Connection, place: PostgresPlace, sid: str, *, shared: bool = False) -> None:
    """Take the schema's lock, which the engine keeps for as long as the connection lives. Raises ChatError.

    Those that share it keep out those that want it alone, and the other way round.
    """
    until = time.monotonic() + _WAIT_SECONDS
    take = f"SELECT pg_try_advisory_lock{'_shared' if shared else ''}({_KEY})"
    while db.execute(take, (place.schema,)).fetchone() != (True,):
        holder = db.execute(_HOLDER, (place.schema,)).fetchone()
        if holder is not None and holder[1] == application_name(sid):  # our own lost connection, as the engine sees it
            db.execute("SELECT pg_terminate_backend(%s)", (holder[0],))
        if time.monotonic() >= until:
            raise ChatError(
                f"the journal {place} is in use by another server: stop that one, or use another --journal-schema"
            )
        time.sleep(0.05)


def _register(db: Connection, schema: str, sid: str) -> None:
    with db.transaction():
        run(db, "INSERT INTO {}.servers VALUES (%s)", schema, sid)
        run(db, "INSERT INTO {}.done (sid, number) VALUES (%s, 0)", schema, sid)


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
    if row is None or row[0] != LAYOUT:
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
    _renew(db, schema, engine.mark)
    if mark.split("/")[:4] != engine.mark.split("/")[:4]:
        return "it was restored from a backup, or a standby was promoted, and may have lost its last messages"
    return "the engine was restarted, and may have lost its last messages"


def _renew(db: Connection, schema: str, mark: str) -> None:
    run(db, "SELECT {}.renew(%s, %s, %s)", schema, secrets.token_hex(16), mark, ENDS_KEPT)


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


def run(db: Connection, query: str, schema: str, *values: object) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a statement in which ``{}`` stands for the schema."""
    return db.execute(sql.SQL(query.replace("{}", "{0}")).format(sql.Identifier(schema)), values)
