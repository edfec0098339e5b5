"""Migrations: a schema of an earlier layout becomes one of today's, when a server opens it.

Lives here: what each version adds to the one before. Does not live here: today's layout (layout.py), which has to be
what all of these make of the first one; who opens a schema (opening.py).
"""

from __future__ import annotations

from chatctl.journal.postgres.connection import Connection, run
from chatctl.journal.postgres.layout import FUNCTIONS, LAYOUT, filled
from chatctl.journal.postgres.presence_layout import PRESENCE_TABLES

_SHARED = """
ALTER TABLE {s}.house ADD was text NOT NULL DEFAULT '', ADD base bigint NOT NULL DEFAULT 0;
ALTER TABLE {s}.rooms ADD base bigint NOT NULL DEFAULT 0;
ALTER TABLE {s}.servers ADD version bigint NOT NULL DEFAULT 0, ADD label text NOT NULL DEFAULT '',
    ADD watchers text NOT NULL DEFAULT '{}';
ALTER TABLE {s}.done DROP CONSTRAINT done_sid_fkey, ADD swept timestamptz;
"""

_LEVELS = """
ALTER TABLE {s}.house ADD replicated boolean NOT NULL DEFAULT false, ADD sure text[] NOT NULL DEFAULT '{}';
ALTER TABLE {s}.servers ADD replicated boolean NOT NULL DEFAULT false;
"""

MIGRATIONS = (_SHARED + PRESENCE_TABLES, _LEVELS)
"""Of layout 1: several servers. Of 2: what the log survives, whoever writes."""

OLDEST = LAYOUT - len(MIGRATIONS)

_DROP = """
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc WHERE pronamespace = '{s}'::regnamespace LOOP
        EXECUTE format('DROP FUNCTION %s', one);
    END LOOP;
END $$;
"""


def migrate(db: Connection, schema: str, layout: int) -> None:
    """Bring a schema of an earlier layout up to today's. Inside a transaction: all of it, or nothing."""
    for part in (*MIGRATIONS[layout - OLDEST :], _DROP, FUNCTIONS):
        db.execute(filled(part, schema).encode())
    run(db, "UPDATE {}.house SET layout = %s", schema, LAYOUT)
