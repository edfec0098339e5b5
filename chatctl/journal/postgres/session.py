"""A session: what everything has that uses a schema over one connection, and can connect again.

Does not live here: the connection (connection.py), when to connect again (reconnecting.py).
"""

from __future__ import annotations

import math
from typing import Any

import psycopg

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.connection import Connection, run
from chatctl.journal.postgres.engine_errors import is_lost


class Session:
    """A schema, and the connection to it, if there is one. One thread at a time may use it."""

    def __init__(self, place: PostgresPlace) -> None:
        """Not connected yet."""
        self.place = place
        self.durability = ""
        """Of the engine, as it was when it was connected last."""
        self.end_by = math.inf
        """When it stops waiting for the engine, by the monotonic clock. Any thread may set it."""
        self._db: Connection | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the connection was good when it was last used."""
        return not is_lost(self._db)

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connection(self) -> Connection:
        if self._db is None:
            raise psycopg.OperationalError("not connected")
        return self._db

    def _run(self, query: str, *values: object) -> psycopg.Cursor[tuple[Any, ...]]:
        return run(self._connection(), query, self.place.schema, *values)
