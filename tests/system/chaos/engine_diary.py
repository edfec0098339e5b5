"""The engine's diary: what servers did to their schema, in the order of the locks that they took, noted by triggers.

A server can't pass them by, whatever it believes of itself: a change by one that was swept is seen here.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from chatctl.common.journal_uri import PostgresPlace
from tests.system.chaos.engines import Engines

_MAKE = """
CREATE SCHEMA {s}_acts;
CREATE TABLE {s}_acts.acts (number bigserial PRIMARY KEY, what text NOT NULL, sid text NOT NULL);
CREATE FUNCTION {s}_acts.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $body$
BEGIN
    INSERT INTO {s}_acts.acts (what, sid) VALUES (TG_ARGV[0], coalesce(NEW.sid, OLD.sid));
    RETURN NULL;
END $body$;
CREATE TRIGGER came AFTER INSERT ON {s}.servers FOR EACH ROW EXECUTE FUNCTION {s}_acts.note('came');
CREATE TRIGGER went AFTER DELETE ON {s}.servers FOR EACH ROW EXECUTE FUNCTION {s}_acts.note('went');
CREATE TRIGGER changed AFTER UPDATE ON {s}.done FOR EACH ROW WHEN (OLD.number <> NEW.number)
    EXECUTE FUNCTION {s}_acts.note('changed');
CREATE TRIGGER claimed AFTER UPDATE ON {s}.claimed FOR EACH ROW WHEN (OLD.number <> NEW.number)
    EXECUTE FUNCTION {s}_acts.note('claimed');
INSERT INTO {s}_acts.acts (what, sid) SELECT 'came', sid FROM {s}.servers;
"""


class EngineDiary:
    """Of one schema, which is there."""

    def __init__(self, engines: Engines, place: PostgresPlace) -> None:
        """Begin it, at whichever is the primary."""
        self._engines = engines
        self._place = place
        self._withheld: list[tuple[float, float, int]] = []
        self._sql(_MAKE)

    def _sql(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._engines.sql(query.replace("{s}", self._place.schema), *values, database="chat")

    def note(self, what: str, sid: str) -> None:
        """Note ``down``, before something is done to a server for which it may be swept, or ``up``: it beats again."""
        self._sql("INSERT INTO {s}_acts.acts (what, sid) VALUES (%s, %s)", what, sid)

    def beats(self) -> dict[str, tuple[str, int]]:
        """Return each server's id and its beat, by its port."""
        rows = self._sql("SELECT label, sid, beat FROM {s}.servers")
        return {label.rpartition(":")[2]: (sid, beat) for label, sid, beat in rows}

    def last_of(self, sid: str) -> str:
        """Return what one server did last, or what was done to it."""
        [(what,)] = self._sql("SELECT what FROM {s}_acts.acts WHERE sid = %s ORDER BY number DESC LIMIT 1", sid)
        return str(what)

    def last(self) -> int:
        """Return the newest entry that can be seen."""
        [(last,)] = self._sql("SELECT coalesce(max(last), 0) FROM {s}.rooms")
        return int(last)

    def withhold(self, since: float, until: float, last: int) -> None:
        """Note that nothing behind this entry may be acknowledged or shown from one time to another."""
        self._withheld.append((since, until, last))

    def dump(self, path: Path) -> None:
        """Write what the verifier reads into an SQLite database."""
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE rooms (id, name, epoch, first)")
            db.execute("CREATE TABLE messages (room, seq, text)")
            db.execute("CREATE TABLE acts (number, what, sid)")
            for table, query in (
                ("rooms", "SELECT name, name, epoch, first FROM {s}.rooms"),
                ("messages", "SELECT room, seq, text FROM {s}.entries"),
                ("acts", "SELECT number, what, sid FROM {s}_acts.acts"),
            ):
                rows = self._sql(query)
                marks = ", ".join("?" * len(rows[0])) if rows else "?"
                db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            db.execute("CREATE TABLE withheld (since, until, last)")
            db.executemany("INSERT INTO withheld VALUES (?, ?, ?)", self._withheld)
            db.commit()
