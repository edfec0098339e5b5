"""Standbys that are waited for: whether a commit of a server waits too long for one, and what to do about it.

Does not live here: which settings have the engine wait (durability.py), what a server does meanwhile (writer.py).
"""

from __future__ import annotations

import contextlib

import psycopg

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres import connection
from chatctl.journal.postgres.connection import Connection, EngineSilent, connect
from chatctl.journal.postgres.engine_errors import EngineUnfit
from chatctl.journal.postgres.registering import application_name

_WAITING = """
SELECT current_setting('synchronous_standby_names') FROM pg_stat_activity
WHERE application_name = %s AND wait_event = 'SyncRep'
    AND query_start <= clock_timestamp() - %s * interval '1 second' LIMIT 1
"""
"""The engine does not notice that a client is gone whose commit waits for a standby: it stays in this list."""


def check_standby(db: Connection, sid: str, seconds: float | None = None) -> None:
    """Raise EngineUnfit if a commit of a server waits for a standby, for longer than this.

    ``seconds`` is None for half of what an answer may take.
    """
    least = connection.ANSWER_SECONDS / 2 if seconds is None else seconds
    row = db.execute(_WAITING, (application_name(sid), least)).fetchone()
    if row is not None:
        raise EngineUnfit(
            f"commits wait for the standby '{row[0]}' (synchronous_standby_names): start it, or name another"
        )


def why_silent(place: PostgresPlace, sid: str, error: psycopg.Error | EngineUnfit) -> psycopg.Error | EngineUnfit:
    """Return the reason for an error of a server: if its commit was not answered, what it waits for."""
    if isinstance(error, EngineSilent):
        with contextlib.suppress(psycopg.Error), connect(place, application_name(sid)) as db:
            try:
                check_standby(db, sid)
            except EngineUnfit as why:
                return why
    return error
