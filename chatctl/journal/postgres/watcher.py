"""The watcher: a thread with a connection of its own that beats, hears hints, and sweeps dead servers.

It only says that there may be something to look at; nothing depends on a hint arriving, since it also says so once a
second, whether it is connected or not. A writer that waits for another server's transaction must not miss a beat, hence
two connections. Does not live here: looking (writer.py, store.py), who is dead (sharing.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import psycopg
from psycopg import sql

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.connection import Connection, EngineSilent, connect
from chatctl.journal.postgres.engine_errors import EngineUnfit, reason
from chatctl.journal.postgres.registering import LEFT, Registration, application_name, end_sessions, sweep
from chatctl.journal.postgres.sharing import Beats, Fate, Peers, beat
from chatctl.journal.postgres.standby_wait import check_standby

ENTRIES, FACTS = "e", "f"
"""The first words of the hints about rooms and facts (layout.py)."""

BEAT_SECONDS = 1.0
"""Between two beats, and between two looks at those of the others."""

LISTEN_SECONDS = 2.0
"""How long a start waits for that. It goes on without: what others change is found once a second."""

LOCK_SECONDS = 2.0
"""How long a sweep waits for somebody's lock. Whoever else is dead has to be swept meanwhile."""

OnServer = Callable[[Fate, str], None]

_SESSION_ENDED = "57P"
"""Of an engine that stops, or ends a session: the writer tells. Of one that is gone without a word there is none."""


class Sharer(Protocol):
    """What wants to know of other servers, beside the writer. Called on the watcher's thread, returns at once."""

    def look(self, room: str | None) -> None:
        """Something may have happened, in a room or anywhere."""

    def heard(self, kind: str, what: str) -> None:
        """Another server has sent a note that is neither about entries nor facts."""

    def stop(self) -> None:
        """This server ends."""

    def beaten(self, watchers: Mapping[str, str]) -> None:
        """The other servers told how many watch each room there, as JSON."""


class Watcher:
    """Runs until ``stop``."""

    def __init__(
        self,
        place: PostgresPlace,
        me: Registration,
        own: Callable[[], int],
        look: Callable[[str | None], object],
        tell_others: Callable[[frozenset[str]], object],
        tell_of_server: OnServer,
        on_error: Callable[[str], object],
        on_fault: Callable[[Exception], object],
    ) -> None:
        """Start the thread, and wait until it hears others: an errand to a member of a deaf server is lost.

        Args:
            place: of the journal.
            me: this server.
            own: returns the engine's process of this server's writer, whose hints are no news; 0: it is not connected.
            look: called on the thread when something may have happened, with a room, or None; it returns at once.
            tell_others: called on the thread with the other servers when they are others than before.
            tell_of_server: called on the thread with what became of another server, and what people call it.
            on_error: called on the thread with the reason when a beat or a sweep failed; once, however often that is.
            on_fault: called on the thread with the error that has ended it: nothing is heard of other servers any more.
        """
        self._place = place
        self._me = me
        self._own = own
        self._look = look
        self._tell_others = tell_others
        self._tell_of_server = tell_of_server
        self._on_error = on_error
        self._on_fault = on_fault
        self.sharer: Sharer | None = None
        self._told: str | None = None
        self._peers = Peers()
        self._silent: str | None = None
        self._unswept: set[str] = set()
        self._has_failed = False
        self._stopping = threading.Event()
        self._is_listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal watcher", daemon=True)
        self._thread.start()
        self._is_listening.wait(LISTEN_SECONDS)

    def stop(self) -> None:
        """Make the thread end within a beat. From any thread."""
        self._stopping.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._connect_and_watch()
                if not self._stopping.wait(BEAT_SECONDS):
                    self._have_all_look()  # who finds the engine gone before anybody waits for it can tell
        except Exception as error:  # noqa: BLE001 — a server that is deaf, and is taken for dead, must not go on
            self._on_fault(error)

    def _connect_and_watch(self) -> None:
        try:
            db = connect(self._place, application_name(self._me.sid))
        except (psycopg.Error, EngineUnfit) as error:
            if self._has_failed and self._own():  # else the writer finds out, and tells
                self._tell(reason(error, self._place.schema))
            self._has_failed = True
        else:
            self._has_failed = False
            self._run_with(db)

    def _run_with(self, db: Connection) -> None:
        try:
            with db:
                db.execute(f"SET lock_timeout = {LOCK_SECONDS * 1000:.0f}")
                self._tell_silence(db)
                db.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._place.schema)))
                self._is_listening.set()
                self._watch(db)
        except EngineSilent as error:
            self._silent = reason(error)
        except psycopg.Error as error:
            if error.sqlstate is not None and not error.sqlstate.startswith(_SESSION_ENDED):
                self._tell(reason(error, self._place.schema))

    def _tell_silence(self, db: Connection) -> None:
        """Tell of a beat or a sweep that was not answered: the writer may well be. Of a standby the writer tells."""
        why, self._silent = self._silent, None
        if why is not None and not _is_waiting(db, self._me.sid):
            self._tell(why)

    def _tell(self, why: str) -> None:
        if why != self._told:
            self._told = why
            self._on_error(why)

    def _watch(self, db: Connection) -> None:
        beats = Beats()
        while not self._stopping.is_set():
            sid = self._me.sid  # another one after this server was swept
            seen, watchers, labels = beat(db, self._place.schema, sid, self._me)
            self._told = None
            if sid in seen:  # else it may not judge: it has slept itself
                self._sweep(db, beats.look(sid, seen))
            if (others := frozenset(watchers)) != self._me.others:
                self._me.others = others
                self._tell_others(others)
            for fate, label in self._peers.look(labels):
                self._tell_of_server(fate, label)
            self._have_all_look()  # once a second, whatever was heard
            if self.sharer is not None:
                self.sharer.beaten(watchers)
            for note in db.notifies(timeout=BEAT_SECONDS):
                kind, _, what = note.payload.partition(" ")
                if self._stopping.is_set() or (kind, what) == (LEFT, self._me.sid):
                    return
                if note.pid != self._own():
                    self._hear(kind, what)

    def _have_all_look(self) -> None:
        self._look(None)
        if self.sharer is not None:
            self.sharer.look(None)

    def _sweep(self, db: Connection, dead: Mapping[str, int]) -> None:
        self._unswept &= dead.keys()
        for sid, at_beat in dead.items():
            if _is_waiting(db, self._me.sid):
                return  # this would wait as well
            try:
                sweep(db, self._place.schema, sid, at_beat)
            except psycopg.errors.LockNotAvailable as error:  # it is tried again with the next beat
                if sid not in self._unswept and not _is_waiting(db, self._me.sid):
                    self._unswept.add(sid)
                    self._on_error(reason(error))
                end_sessions(db, sid)

    def _hear(self, kind: str, what: str) -> None:
        if kind == LEFT:
            self._peers.hear(what)
        if kind in (ENTRIES, FACTS, LEFT):
            self._look(what.partition(" ")[0] if kind == ENTRIES else None)
        elif self.sharer is not None:
            self.sharer.heard(kind, what)


def _is_waiting(db: Connection, sid: str) -> bool:
    try:
        check_standby(db, sid, LOCK_SECONDS / 2)
    except EngineUnfit:
        return True
    return False
