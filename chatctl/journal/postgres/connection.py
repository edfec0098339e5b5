"""A connection to the engine that never waits for ever, and what is asked of the engine before it is used.

Does not live here: what is in the schema (opening.py), which errors mean what (engine_errors.py).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import PQGen

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.durability import durability_of
from chatctl.journal.postgres.engine_errors import EngineUnfit
from chatctl.journal.postgres.layout import LEVEL

_T = TypeVar("_T")

ANSWER_SECONDS = 10.0
"""How long one statement may take. An engine that is stopped keeps its connections open and answers nothing."""

LEAST_SECONDS = 1.0
"""How long one may take of a server that has stopped waiting: an engine that answers is given all that is left."""

ANSWERS_AT_ONCE = 1_000
"""Receipts, or verdicts, that a change is answered with at once. The engine sends an answer before it commits: one that
is too large for the socket's buffer (of some 10,000) would wait, with all its locks, for a server that is stopped."""

DEFAULTS = {
    "connect_timeout": 5,  # seconds for which each host of the URI may take to answer
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 5,
    "tcp_user_timeout": 8_000,
}
"""What libpq is told of a connection, unless the URI, the environment or a service file does. Where packets are dropped
on the way, which nothing tells, the kernel ends it after 8 s: before ANSWER_SECONDS are over, so that who finds it on
one connection finds the others ended; also one that is idle, or waits for a statement that may take an hour."""

OLDEST_ENGINE = 150000

_SETTINGS = """
SELECT set_config(name, value, false) FROM (VALUES
    ('jit', 'off'), ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),
    ('plan_cache_mode', 'force_generic_plan'), ('default_transaction_isolation', 'read committed'),
    ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'),
    ('tcp_user_timeout', '20s'),
    ('idle_in_transaction_session_timeout', '5s'), ('array_nulls', 'on')
) AS s (name, value)
"""
"""Ours are look-ups of a few rows by their key, in tables that may have been empty when the plan was made: they are
never read as a whole, and planned once (480 µs of the engine's time for a message became 200). An engine that we are
cut off from lets go of our locks within half a minute; where we are stopped in the middle of a transaction (there are a
few of several statements, when a schema is opened), before we are taken for dead."""

_CHECK_CLIENT = """
DO $$ BEGIN
    PERFORM set_config('client_connection_check_interval', '5s', false);
EXCEPTION WHEN OTHERS THEN NULL;
END $$
"""
"""A statement of ours that waits for a lock ends when we are gone. Not every system can do that."""

_PIN = """
SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false), set_config(%s, %s, false)
"""
"""Whoever changes the settings changes them for later sessions: what this one tells its clients stays true. That
standbys are waited for can't be pinned; each change looks (layout.py)."""

_ENGINE = """
SELECT current_setting('server_version_num')::integer, pg_is_in_recovery(), current_setting('server_encoding'),
    current_setting('transaction_read_only'), current_setting('fsync'), current_setting('synchronous_commit'),
    current_setting('synchronous_standby_names')
"""

_MARK = """
SELECT (pg_control_system()).system_identifier::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
    (SELECT oid::text FROM pg_database WHERE datname = current_database()),
    coalesce(to_regnamespace(%s)::oid::text, ''), extract(epoch FROM pg_postmaster_start_time())::text
"""


class Engine(NamedTuple):
    """What an engine says of itself."""

    durability: str
    """What a commit survives now."""
    mark: str
    """Where a log is that it holds: the cluster, its timeline, the database and the schema; where commits may be lost
    with a killed engine, also when that was started."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements end within ``seconds``, or with an error that leaves it closed."""

    seconds: float | None = None
    """None: ANSWER_SECONDS."""
    end_by: Callable[[], float] = staticmethod(lambda: math.inf)
    """Returns when its user stops waiting, by the monotonic clock; called again and again, for that may change."""
    is_unsafe = False
    """Whether the engine has answered a commit that no standby has got yet."""

    def wait(self, gen: PQGen[_T], *args: Any, **more: Any) -> _T:
        """Run one exchange with the engine, in at most ``seconds``."""
        try:
            seconds = ANSWER_SECONDS if self.seconds is None else self.seconds
            result = super().wait(_bounded(gen, seconds, self.end_by), *args, **more)
        except EngineSilent:
            self.close()  # what it does is unknown
            raise
        if self.is_unsafe:
            self.close()  # made again under its number, it waits again
            raise NotReplicated("the wait for a standby was cancelled")
        return result

    def hear(self, notice: psycopg.errors.Diagnostic) -> None:
        """Take a notice of the engine. Whoever cancels a statement that waits for a standby has it answered at once."""
        self.is_unsafe |= notice.source_function == "SyncRepWaitForLSN"


class EngineSilent(psycopg.OperationalError):
    """The engine gave no answer in time."""


class NotReplicated(psycopg.OperationalError):
    """What was done is committed, and may be lost with the engine."""


def _bounded(gen: PQGen[_T], seconds: float, end_by: Callable[[], float]) -> Generator[Any, Any, _T]:
    begun = time.monotonic()
    try:
        state = next(gen)
        while True:
            ready = yield state
            if ready:
                state = gen.send(ready)
            elif time.monotonic() >= min(begun + seconds, max(end_by(), begun + LEAST_SECONDS)):
                raise EngineSilent(f"no answer within {seconds:g} s")
    except StopIteration as end:
        result: _T = end.value
        return result


def connect(
    place: PostgresPlace, name: str, seconds: float | None = None, end_by: Callable[[], float] | None = None
) -> Connection:
    """Connect, in autocommit mode.

    Args:
        place: where; its schema is not used.
        name: of the application, as the engine lists it.
        seconds: that each answer may take; None: ANSWER_SECONDS.
        end_by: as ``Connection.end_by``; None: it never stops waiting.

    Raises:
        EngineUnfit: the URI is none.
        psycopg.OperationalError: none of the hosts can be reached, or they refuse.
    """
    more = _defaults(place.uri) | {"application_name": name, "client_encoding": "UTF8"}
    db = Connection.connect(place.uri, autocommit=True, **more)
    db.add_notice_handler(db.hear)
    try:
        db.seconds = seconds
        db.end_by = end_by or db.end_by
        db.execute(_SETTINGS)
        db.execute(_CHECK_CLIENT)
    except BaseException:
        db.close()
        raise
    return db


def _defaults(uri: str) -> dict[str, Any]:
    """Return those of ``DEFAULTS`` that nobody has set. Raises EngineUnfit: the URI is none."""
    try:
        given = set(psycopg.conninfo.conninfo_to_dict(uri))
    except psycopg.ProgrammingError as error:
        raise EngineUnfit(f"libpq can't read this URI ({_defect(uri, str(error))})") from None
    given |= {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.val is not None}
    return {name: value for name, value in DEFAULTS.items() if name not in given}


def _defect(uri: str, said: str) -> str:
    """Return what is wrong with a URI. What libpq says of it may have a part of the password."""
    found = re.search('invalid URI query parameter: "([a-z_]+)"', said)
    if found is not None and "@" not in uri.partition("?")[2]:  # else the ? may be the password's
        return f'it has no parameter "{found[1]}"'
    return "is there a % or @ in it that has to be %25 or %40?"


def inspect(db: Connection, schema: str) -> Engine:
    """Return what the engine is like, and pin it for this session.

    Raises:
        EngineUnfit: nothing can be stored there now.
        psycopg.Error: it does not answer.
    """
    version, standby, encoding, read_only, *settings = _one(db, _ENGINE)
    if version < OLDEST_ENGINE:
        raise EngineUnfit(f"it is PostgreSQL {version // 10000}, and 15 or newer is needed")
    if encoding != "UTF8":
        raise EngineUnfit(f"its database is in {encoding}: create one with ENCODING 'UTF8'")
    if standby:
        raise EngineUnfit("it is a standby, which only reads: name the primary, or add target_session_attrs=read-write")
    if read_only == "on":
        raise EngineUnfit("it is read-only (default_transaction_read_only)")
    level = durability_of(*settings)
    db.execute(_PIN, (LEVEL, level))
    *mark, started = _one(db, _MARK, schema)
    return Engine(level, "/".join(mark if level in {"disk", "replica"} else [*mark, started]))


def _one(db: Connection, query: str, *values: object) -> tuple[Any, ...]:
    row = db.execute(query, values).fetchone()
    assert row is not None
    return row


def run(db: Connection, query: str, schema: str, *values: object) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a statement in which ``{}`` stands for the schema."""
    return db.execute(sql.SQL(query.replace("{}", "{0}")).format(sql.Identifier(schema)), values)
