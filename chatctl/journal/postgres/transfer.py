"""Transfers out of a journal's schema, and into a new one, and backups of one that is in use.

An unfinished copy has a version that no server opens (layout.UNFINISHED). Does not live here: what is copied in which
order (journal/transfer.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from chatctl.common.journal_uri import PostgresPlace, without_password
from chatctl.errors import ChatError, ConditionNotMet, RoomInvalid
from chatctl.journal import backup
from chatctl.journal.postgres.connection import Connection, connect, inspect, run
from chatctl.journal.postgres.engine_errors import EngineUnfit, open_error, reason
from chatctl.journal.postgres.layout import LAYOUT, UNFINISHED
from chatctl.journal.postgres.opening import COPIED, check_layout, fill_house, has_house, make, open_house
from chatctl.journal.postgres.reading import entry_of
from chatctl.journal.postgres.registering import Registration, application_name, leave, lock
from chatctl.journal.postgres.texts import from_engine, to_engine
from chatctl.journal.sqlite_transfer import SqliteCopy
from chatctl.journal.transfer import PIECE, IdRow, RoomState, State, transfer
from chatctl.protocol import Msg

SECONDS = 120.0
"""How long the engine may take for a piece."""

_ROOMS = """
SELECT name, epoch, first, last, coalesce((SELECT min(seq) FROM {}.ids WHERE room = name), first)
FROM {}.rooms ORDER BY name
"""


class PostgresSource:
    """A journal that no server has open, and that none can open meanwhile; or one in use, as it is now."""

    def __init__(self, place: PostgresPlace, *, is_in_use: bool = False) -> None:
        """Open it with the checks of a server's start; one that is in use is only read.

        Raises:
            ChatError: there is none, it is in use, or can't be read.
        """
        self._place = place
        self._is_in_use = is_in_use
        self._me = Registration()
        with _opening(place):
            self._db = connect(place, application_name(self._me.sid), SECONDS)
        with _opening(place), closed_on_error(self._db):
            if not has_house(self._db, place.schema):
                raise ChatError(f"there is no journal {place}")
            if is_in_use:
                check_layout(self._db, place)
                # It locks nothing, and what it is read for may be slow: a pager.
                self._db.execute("SET idle_in_transaction_session_timeout = 0")
                self._db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            else:
                open_house(self._db, place, self._me)

    def state(self) -> State:
        """Implement ``Source.state``."""
        ends = self._run("SELECT room, epoch, last FROM {}.ends ORDER BY number").fetchall()
        facts = self._run("SELECT kind, key, value FROM {}.facts WHERE value IS NOT NULL").fetchall()
        rooms = [RoomState(*row) for row in self._run(_ROOMS)]
        return State(rooms, ends, sorted((from_engine(a), from_engine(b), from_engine(c)) for a, b, c in facts))

    def entries(self, room: str, after: int, to: int) -> Sequence[Msg]:
        """Implement ``Source.entries``."""
        return self.page("room = %s AND seq > %s AND seq <= %s ORDER BY seq", room, after, to)

    def page(self, wanted: str, *values: object) -> Sequence[Msg]:
        """Return the entries for which a condition holds."""
        query = f"SELECT seq, time, nick, text, action FROM {{}}.entries WHERE {wanted}"  # noqa: S608 — one of ours
        return list(map(entry_of, self._run(query, *values)))

    def ids(self, room: str, after: int, to: int) -> Sequence[IdRow]:
        """Implement ``Source.ids``."""
        query = "SELECT token, id, seq, time FROM {}.ids WHERE room = %s AND seq > %s AND seq <= %s ORDER BY seq"
        rows = self._run(query, room, after, to)
        return [(bytes(token), from_engine(id_), seq, time) for token, id_, seq, time in rows]

    def leave(self) -> None:
        """Implement ``Source.leave``."""
        self._run("UPDATE {}.house SET mark = %s", COPIED)

    def close(self) -> None:
        """Take this out of the schema, and disconnect."""
        try:
            if not self._is_in_use:
                with contextlib.suppress(psycopg.Error):  # then the next server does it
                    leave(self._db, self._place.schema, self._me)
        finally:
            self._db.close()

    def _run(self, query: str, *values: object) -> psycopg.Cursor[tuple[Any, ...]]:
        try:
            return run(self._db, query, self._place.schema, *values)
        except psycopg.Error as error:
            raise ChatError(f"cannot read the journal {self._place}: {reason(error)}") from None


class PostgresTarget:
    """A new schema, or an empty one."""

    def __init__(self, place: PostgresPlace) -> None:
        """Connect when it begins."""
        self._place = place
        self._db: Connection | None = None

    @property
    def _open(self) -> Connection:
        assert self._db is not None, "begin opens it"
        return self._db

    def begin(self, state: State) -> Mapping[str, int]:
        """Implement ``Target.begin``."""
        place, schema, mark = self._place, self._place.schema, state.fingerprint()
        with _opening(place):
            me = Registration()
            self._db = db = connect(place, application_name(me.sid), SECONDS)
            inspect(db, schema)
            lock(db, place, me)
            with db.transaction():
                if not has_house(db, schema):
                    make(db, place)
                    fill_house(db, schema, mark, UNFINISHED)
            if run(db, "SELECT layout FROM {}.house", schema).fetchone() != (UNFINISHED,):
                raise ChatError(
                    f"the schema {schema} of {without_password(place.uri)} already has a journal, as it has "
                    f"once a server has opened it: a copy does not overwrite one (DROP SCHEMA {schema} CASCADE "
                    "removes it, --journal-schema names another)"
                )
            if run(db, "SELECT mark FROM {}.house", schema).fetchone() != (mark,):
                raise ChatError(
                    f"the copy in {place} was begun with another source, or one that has changed since: drop the "
                    f"schema ('DROP SCHEMA {schema} CASCADE'), and copy anew"
                )
            newest = "SELECT room, max(seq) FROM {}.%s GROUP BY room"
            rows = [row for table in ("entries", "ids") for row in run(db, newest % table, schema)]
        done: dict[str, int] = {}
        for room, last in rows:
            done[room] = max(last, done.get(room, 0))
        return done

    def put(self, room: str, entries: Sequence[Msg], ids: Sequence[IdRow]) -> None:
        """Implement ``Target.put``."""
        texts = [(to_engine(one.nick), to_engine(one.text)) for one in entries]
        with self._writing() as db, db.transaction():
            run(
                db,
                "INSERT INTO {}.entries SELECT %s, * FROM unnest(%s::bigint[], %s::float8[], %s::text[], %s::text[],"
                " %s::boolean[]) ON CONFLICT DO NOTHING",
                self._place.schema,
                room,
                [one.seq for one in entries],
                [one.time for one in entries],
                [nick for nick, _ in texts],
                [text for _, text in texts],
                [one.action for one in entries],
            )
            run(
                db,
                "INSERT INTO {}.ids SELECT %s, * FROM unnest(%s::bytea[], %s::text[], %s::bigint[], %s::float8[])"
                " ON CONFLICT DO NOTHING",
                self._place.schema,
                room,
                [row[0] for row in ids],
                [to_engine(row[1]) for row in ids],
                [row[2] for row in ids],
                [row[3] for row in ids],
            )

    def finish(self, state: State) -> None:
        """Implement ``Target.finish``."""
        schema = self._place.schema
        with self._writing() as db:
            with db.transaction(), db.cursor() as cursor:
                time = "coalesce((SELECT time FROM {}.entries WHERE room = %s AND seq = %s), 0)"
                for room in state.rooms:
                    values = room.name, room.epoch, room.first, room.last, room.name, room.last
                    run(db, f"INSERT INTO {{}}.rooms VALUES (%s, %s, %s, %s, {time})", schema, *values)  # noqa: S608
                ends = "INSERT INTO {}.ends (room, epoch, last) VALUES (%s, %s, %s)"
                cursor.executemany(sql.SQL(ends).format(sql.Identifier(schema)), state.ends)
                facts = [[to_engine(part) for part in fact] for fact in state.facts]
                insert = "INSERT INTO {}.facts VALUES (%s, %s, %s, 1)"
                cursor.executemany(sql.SQL(insert).format(sql.Identifier(schema)), facts)
                mark = inspect(db, schema).mark
                run(db, "UPDATE {}.house SET layout = %s, mark = %s, version = 1", schema, LAYOUT, mark)
            for table in ("entries", "ids"):
                run(db, f"ANALYZE {{}}.{table}", schema)

    def close(self) -> None:
        """Disconnect. An unfinished copy stays, to be gone on with."""
        if self._db is not None:
            self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            yield self._open
        except psycopg.Error as error:
            raise ChatError(f"cannot write the copy in {self._place}: {reason(error)}") from None


@contextlib.contextmanager
def closed_on_error(db: Connection) -> Iterator[None]:
    """Close a connection if the block fails."""
    try:
        yield
    except BaseException:
        db.close()
        raise


@contextlib.contextmanager
def _opening(place: PostgresPlace) -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, EngineUnfit) as error:
        raise open_error(place, error) from None


def backup_schema(place: PostgresPlace, path: Path) -> None:
    """Copy a journal, in use or not, as it is at one moment, into the new file ``path``: a journal of the other kind.

    Raises:
        ChatError: it can't be read, or the backup can't be made.
    """
    partial = backup.begin(path)
    try:
        with contextlib.closing(PostgresSource(place, is_in_use=True)) as source:
            with contextlib.closing(SqliteCopy(partial)) as target:
                transfer(source, target)
            backup.finish(partial, path)
    finally:
        backup.discard(partial)


def read_schema(
    place: PostgresPlace,
    room: str,
    since: float | None = None,
    until: float | None = None,
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[Msg]:
    """Yield the entries of a room's log, as ``journal.offline.read_offline``; the journal may be in use."""
    wanted = "room = %s AND seq > %s AND time >= %s AND time < %s ORDER BY seq LIMIT %s"
    bounds = since if since is not None else -inf, until if until is not None else inf
    with contextlib.closing(PostgresSource(place, is_in_use=True)) as source:
        if room not in {one.name for one in source.state().rooms}:
            raise RoomInvalid(f"the journal {place} has no room '{room}'")
        after = 0
        while page := source.page(wanted, room, after, *bounds, PIECE):
            for entry in page:
                yield entry
                if is_over():
                    raise ConditionNotMet(f"the deadline passed while {place} was read")
            after = page[-1].seq
