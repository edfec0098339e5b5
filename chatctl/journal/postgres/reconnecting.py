"""Reconnecting: whether the engine can be used, and when to try again.

Lives here: the pauses between two tries, what is told of it. Does not live here: what is done about what waits
meanwhile (writer.py), what a new connection has to find (opening.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import psycopg

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.engine_errors import EngineUnfit, reason

PATIENCE = 4.0
"""Seconds for which what was not sent waits for an engine that can't be reached: a restart of it takes no longer.

With a pause and the way there and back it is less than the 5 s for which ``chatctl send`` waits by default: its user is
told that nothing was stored, where "unknown" would be all that can be said after that.
"""

LONGEST_PAUSE = 1.0
"""Seconds between two tries to reach it, at most. What has waited for too long is refused after one of them."""

_FIRST_PAUSE = 0.05

OnEngine = Callable[[str | None, str], None]
"""Called with the reason when the engine can't be used, and with None when it can be again; and with its durability."""


class Reconnectable(Protocol):
    """What has a connection to the engine."""

    place: PostgresPlace
    durability: str

    @property
    def is_connected(self) -> bool:
        """Whether the connection was good when it was last used."""

    def reconnect(self) -> None:
        """Connect again. Raises EngineUnfit, psycopg.Error; or what its user has to end with."""

    def disconnect(self) -> None:
        """Close the connection, if there is one."""


class Reconnector:
    """Keeps one of them connected."""

    def __init__(self, store: Reconnectable, tell: OnEngine) -> None:
        """``tell`` is called when it is connected, and was not, or the other way round."""
        self._store = store
        self._tell = tell
        self._told: tuple[str | None, str] = (None, store.durability)
        self.unfit: EngineUnfit | None = None
        """Why the engine, which answers, can't be used; None: it can be, or does not answer."""
        self._gone_since: float | None = None
        self._tries = 0
        self._try_at = 0.0

    @property
    def wait(self) -> float | None:
        """Seconds until the next try; None: it is connected."""
        return None if self._store.is_connected else max(0.0, self._try_at - time.monotonic())

    @property
    def why(self) -> str | None:
        """Why the newest try failed; None: it did not."""
        return self._told[0]

    @property
    def is_late(self) -> bool:
        """Whether it was not connected for longer than anything waits."""
        return self._gone_since is not None and time.monotonic() >= self._gone_since + PATIENCE

    def lose(self) -> None:
        """Note that the connection is not good any more. The first try to connect again is made at once."""
        self._store.disconnect()
        now = time.monotonic()
        if self._gone_since is None:
            self._gone_since = now
        self._try_at = now + (min(LONGEST_PAUSE, _FIRST_PAUSE * 2**self._tries) if self._tries else 0.0)
        self._tries += 1

    def connect(self) -> bool:
        """Return whether the engine can be used; connect again, if it is time to try that.

        Raises:
            JournalLost: it can be reached, and the log is not what it was.
        """
        if self._store.is_connected:
            return True
        if self._gone_since is None:
            self.lose()
        if time.monotonic() < self._try_at:
            return False
        try:
            self._store.reconnect()
        except (psycopg.Error, EngineUnfit) as error:
            self.lose()
            self.unfit = error if isinstance(error, EngineUnfit) else None
            self._say(reason(error, self._store.place.schema))
            return False
        self._gone_since, self._tries, self.unfit = None, 0, None
        self._say(None)
        return True

    def _say(self, why: str | None) -> None:
        state = why, self._store.durability
        if state != self._told:
            self._told = state
            self._tell(*state)
