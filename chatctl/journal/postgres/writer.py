"""The writer: the one thread that uses an open schema.

Lives here: the order of its work, changes whose outcome is unknown. Does not live here: which changes are made together
(waiting_changes.py), the statements (store.py), what errors mean (engine_errors.py), when to connect again
(reconnecting.py), followers (threaded.py).

It keeps the contract of ``Journal`` as follows. A change that was sent and not answered stays the next one, under its
number, until the engine says what came of it; then its senders are answered, and nobody before. While the engine can't
be reached, what was not sent yet waits for ``PATIENCE`` and is then refused: nothing of it was stored. Reads wait and
fail likewise. Everything goes on by itself once the engine is there again. A server that others have taken for dead
goes on under another id. If the engine has lost what it had committed, or another server wants the schema alone, the
server has to end.
"""

from __future__ import annotations

import time
from functools import partial

import psycopg

from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import LogCut
from chatctl.journal.postgres.engine_errors import (
    EngineUnfit,
    fatal_error,
    is_conflict,
    is_temporary,
    is_unfit,
    out_of_reach,
    read_failed,
    storage_failed,
)
from chatctl.journal.postgres.layout import FENCED, UNSAFE
from chatctl.journal.postgres.reconnecting import OnEngine, Reconnector
from chatctl.journal.postgres.sharing import Fenced, Renewed
from chatctl.journal.postgres.store import Store
from chatctl.journal.postgres.waiting_changes import Attempt, WaitingChanges
from chatctl.journal.postgres.work import Applied, Look, Redaction, SharedEvents
from chatctl.journal.retention import Retention
from chatctl.journal.work import Batch, FactsChange, GoneRoom, JournalLost, NewRoom
from chatctl.journal.writer_thread import WriterThread

LAST_SECONDS = 5.0
"""How long a server that stops waits for an engine that can't be reached, or does not answer."""

MAX_TRIES = 3
"""Of a job: what loses three connections would lose the fourth."""


_Item = Batch | FactsChange | Redaction | NewRoom | GoneRoom | Look | Applied


class Writer(WriterThread[_Item]):
    """Runs a store on a thread of its own."""

    def __init__(self, store: Store, retention: Retention, events: SharedEvents, on_engine: OnEngine) -> None:
        """Start the thread, which alone uses the store from now on."""
        super().__init__()
        self._store = store
        self._retention = retention
        self._events = events
        self._post = events.post
        self._link = Reconnector(store, partial(events.post, on_engine))
        self._looks: set[str | None] = set()
        self._applied = 0
        self._told_version = store.version
        self._sid = store.sid
        self._waiting = WaitingChanges()
        self._newly = 0
        self._stop_by: float | None = None
        self._start()

    def look(self, room: str | None) -> None:
        """Look soon at what other servers did in a room; None: anywhere. From any thread."""
        self.put(Look(room))

    def stop(self) -> None:
        """Make the thread end once everything that was queued before is done, or the engine was silent for too long."""
        self._store.end_by = time.monotonic() + LAST_SECONDS
        super().stop()

    @property
    def trouble(self) -> str | None:
        """Why the engine, which answers, can't be used. From any thread."""
        return None if self._link.unfit is None else str(self._link.unfit)

    # --- the thread

    def _run(self) -> None:
        try:
            while not self._is_finished():
                self._run_once()
            self._store.close()
        except Exception as error:  # noqa: BLE001 — a thread that died silently would leave every caller waiting
            self._store.disconnect()
            self._post(self._events.failed, fatal_error(self._store.place, error))
        finally:
            self._drop_jobs()
            self._post(self._events.ended)

    def _is_finished(self) -> bool:
        if self._stop_by is None:
            return False
        if not (self._waiting.has_any or self._jobs):
            return True
        if self._store.is_connected or time.monotonic() < self._stop_by:
            return False
        self._refuse_what_waits()  # and what was sent is never answered: its outcome is unknown
        return True

    def _run_once(self) -> None:
        self._take(self._wait())
        is_connected = self._link.connect()
        self._tell_cuts()
        if not is_connected:
            if self._link.is_late:
                self._refuse_what_waits()
            return
        if self._store.sid != self._sid:
            self._sid = self._store.sid
            self._post(self._events.fenced)
        self._commit()
        if self._store.is_connected and (self._looks or self._store.has_to_report(self._applied)):
            self._look()
        if self._store.is_connected:
            self._one_job()
        if self._store.is_connected:
            self._trim()

    def _tell_cuts(self) -> None:
        cuts, self._store.cuts = self._store.cuts, []
        for cut in cuts:
            self._post(self._events.cut, cut)
            self._looks.add(None)
            if (attempt := self._waiting.attempt) is not None and attempt.group is not None:
                attempt.group.new_rooms = None  # with their new epochs, unless it is made already

    def _wait(self) -> float:
        if (pause := self._link.wait) is not None:
            return pause
        return 0.0 if self._jobs or self._stop_by is not None else self._retention.wait()

    def _sort(self, item: _Item | None) -> None:
        match item:
            case Batch():
                self._waiting.batches.append(item)
            case FactsChange() | Redaction():
                self._waiting.changes.append(item)
            case Look(room):
                self._looks.add(room)
            case Applied(version):
                self._applied = max(self._applied, version)
            case NewRoom(name):
                self._store.add_room(name, self._store.epoch_of_new(name))  # another one since a cut
                self._waiting.new_rooms = True
            case GoneRoom(name):
                self._store.remove_room(name)
                self._waiting.new_rooms = True
            case None:
                self._stop_by = self._store.end_by

    def _refuse_what_waits(self) -> None:
        """Refuse what never reached the engine."""
        for item in self._waiting.drop_unsent():
            self._post(self._events.call, item.done, out_of_reach(self._link.unfit))
        while self._jobs:
            self._jobs.popleft().fail(read_failed(self._link.unfit))

    # --- changes

    def _commit(self) -> None:
        while attempt := self._waiting.next():
            try:
                self._make(attempt)
            except (psycopg.Error, UnicodeError) as error:
                if isinstance(error, psycopg.Error) and error.sqlstate == FENCED:
                    if not self._store.me.shared:
                        raise JournalLost("another server has taken over") from error
                    self._link.lose()  # it was not made, and stays the next one: under another id
                    return
                if isinstance(error, psycopg.Error) and error.sqlstate == UNSAFE:
                    self._waiting.put_back()  # the next session is told what holds now
                    self._link.lose()
                    return
                if not self._store.is_connected:
                    self._link.lose()
                    return  # the outcome is unknown: it stays the next one
                self._waiting.attempt = None
                self._refused(attempt, error)
            else:
                self._waiting.attempt = None

    def _make(self, attempt: Attempt) -> None:
        match attempt.change:
            case FactsChange(facts, done, known):
                self._store.change(attempt.number, facts, seen=known)
                self._post(self._events.call, done, None)
            case Redaction(room, epoch, _, _, _, done) if epoch != self._store.epoch(room):
                self._post(self._events.call, done, LogCut(room))
            case Redaction(room, _, seqs, facts, known, done):
                self._store.change(attempt.number, facts, room, seqs, seen=known)
                self._post(self._events.call, done, None)
            case None:
                assert attempt.group is not None
                result = self._store.commit(attempt.number, attempt.group)
                for name, entries in result.entries.items():
                    self._newly += len(entries)
                    self._retention.grew(self._store.rooms[name])
                self._post(self._events.committed, attempt.batches, result)

    def _refused(self, attempt: Attempt, error: Exception) -> None:
        """Report that a change was not made, and that is certain."""
        if is_unfit(error):
            self._link.lose()  # where it became a standby, another host may be the primary now
        if not is_temporary(error) and len(attempt.batches) > 1:  # one of them can't be stored; the others can
            self._waiting.alone.extend(attempt.batches)
            return
        if is_conflict(error):
            self._looks.add(None)
            self._look()  # before it is reported: who decides anew knows what there is
        failure: StorageFailed = storage_failed(error)
        if attempt.change is not None:
            self._post(self._events.call, attempt.change.done, failure)
        for batch in attempt.batches:
            self._post(self._events.call, batch.done, failure)

    # --- what other servers did

    def _look(self) -> None:
        try:
            self._store.report(self._applied)
            if not self._looks:
                return
            seen = self._store.look(None if None in self._looks else [name for name in self._looks if name])
        except (EngineUnfit, Fenced, Renewed):
            self._link.lose()
            return
        except psycopg.Error as error:
            if is_unfit(error):
                self._link.lose()
            elif self._store.is_connected and not is_temporary(error):
                raise
            return  # the next hint, or the next second, looks again
        self._looks.clear()
        for record in seen.found:
            self._post(self._events.found, record)
        for record in seen.trimmed:
            self._post(self._events.trimmed, record.name, record.first)
        if seen.entries:
            self._post(self._events.grown, seen.entries)
        if seen.changes is not None and seen.changes.version != self._told_version:
            self._told_version = seen.changes.version
            self._post(self._events.changed, seen.changes)

    # --- jobs and trimming

    def _one_job(self) -> None:
        """Do one job. One that loses its connection waits for the next one, unless it was that which did it."""
        if not self._jobs:
            return
        job = self._jobs.popleft()
        if not job.begin():
            return
        job.tries += 1
        try:
            job.outcome.set_result(job.work(self._store))
        except psycopg.Error as error:
            if self._store.is_connected or job.tries >= MAX_TRIES:
                job.outcome.set_exception(read_failed(error))
            else:
                self._jobs.appendleft(job)
        except Exception as error:
            job.outcome.set_exception(error)
            if not isinstance(error, ChatError):
                raise

    def _trim(self) -> None:
        newly, self._newly = self._newly, 0
        try:
            record = self._retention.piece(self._store, newly)
        except psycopg.Error as error:
            if self._store.is_connected and not is_temporary(error):
                raise
        else:
            if record is not None:
                self._post(self._events.trimmed, record.name, record.first)
