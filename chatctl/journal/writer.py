"""The writer: the one thread that touches an open store.

Lives here: what it does in which order, group commit, and what a failure means to those who wait. Does not live here:
the transactions (store.py), followers (sqlite.py).

One turn of the thread: everything that waits to be appended is committed as one transaction; then one job (a page, a
piece of a backup), one piece of trimming, a checkpoint if it is due. So an append waits for one of each at most, and
they for one commit.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import Done, Draft, Facts, Kept
from chatctl.journal.retention import Retention
from chatctl.journal.sqlite_errors import JournalLost, describe, ends, fatal, no_room, passes, unfit
from chatctl.journal.store import Store
from chatctl.journal.transaction import Committed

_T = TypeVar("_T")

_RETRY_CHECKPOINT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call of ``append`` brought."""

    drafts: Sequence[Draft]
    done: Done


@dataclass(frozen=True, slots=True)
class Change:
    """What one call of ``keep`` brought."""

    facts: Facts
    done: Kept


@dataclass(frozen=True, slots=True)
class NewRoom:
    """A room that the store does not know yet."""

    name: str
    epoch: str


class Job(Generic[_T]):
    """A call that needs the store, and its outcome."""

    __slots__ = ("outcome", "work")

    def __init__(self, work: Callable[[Store], _T]) -> None:
        self.work = work
        self.outcome: Future[_T] = Future()

    def run(self, store: Store) -> None:
        """Do it, unless nobody waits for it any more."""
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            self.outcome.set_result(self.work(store))
        except Exception as error:
            self.outcome.set_exception(error)
            if isinstance(error, JournalLost):  # a page that can't be read is its reader's trouble alone
                raise


class Listener(Protocol):
    """Who is told what the thread did, in that order, on the event loop's thread."""

    def committed(self, batches: Sequence[Batch], result: Committed) -> None:
        """One transaction is through."""

    def refused(self, batches: Sequence[Batch], error: StorageFailed) -> None:
        """Nothing of these was stored."""

    def kept(self, change: Change, error: StorageFailed | None) -> None:
        """A change of facts is through, or was not made."""

    def trimmed(self, name: str, first: int) -> None:
        """A room now begins at another entry."""

    def failed(self, error: ChatError) -> None:
        """The server has to end. What waited is not answered, for its outcome may be unknown."""

    def ended(self) -> None:
        """The file is closed, nothing comes after this."""


Post = Callable[..., None]
"""Has a function called, with its arguments, on the event loop's thread, in the order of the calls."""


class Writer:
    """Runs a store on a thread of its own."""

    def __init__(self, store: Store, retention: Retention, listener: Listener, post: Post) -> None:
        """Start the thread. The store belongs to it from now on."""
        self._store = store
        self._retention = retention
        self._listener = listener
        self._post = post
        self._queue: queue.SimpleQueue[Batch | Change | NewRoom | Job[Any] | None] = queue.SimpleQueue()
        self._batches: list[Batch] = []
        self._changes: list[Change] = []
        self._jobs: deque[Job[Any]] = deque()
        self._new_rooms = False
        self._stopping = False
        self._newly = 0
        self._checkpoint_from = 0.0
        self._ended = threading.Lock()  # guards _over: a job comes before the end and is dropped, or after and refused
        self._over = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # --- from other threads

    def put(self, item: Batch | Change | NewRoom) -> None:
        """Have something written."""
        self._queue.put(item)

    def submit(self, work: Callable[[Store], _T]) -> Future[_T]:
        """Have something done on the thread, between two commits."""
        job = Job(work)
        with self._ended:
            if self._over:
                job.outcome.set_exception(StorageFailed("the journal is closed"))
            else:
                self._queue.put(job)
        return job.outcome

    def stop(self) -> None:
        """Have the thread end once everything that was put before is done."""
        self._queue.put(None)

    def join(self) -> None:
        """Wait for the thread's end."""
        self._thread.join()

    # --- the thread

    def _run(self) -> None:
        try:
            while not (self._stopping and not self._batches and not self._changes and not self._jobs):
                self._turn()
            self._store.close()
        except Exception as error:  # noqa: BLE001 — a thread that dies unheard would leave everybody waiting
            self._store.abandon()
            self._post(self._listener.failed, fatal(self._store.path, error))
        finally:
            self._drop_jobs()
            self._post(self._listener.ended)

    def _turn(self) -> None:
        self._take(0.0 if self._jobs or self._stopping else self._retention.wait())
        self._commit()
        self._one_job()
        self._trim()
        self._checkpoint()

    def between(self) -> None:
        """Let appends and pages through in the middle of a long job. To be called on the thread only.

        Raises:
            StorageFailed: the journal is being closed; give the job up.
        """
        self._take(0.0)
        if self._stopping:
            raise StorageFailed("the journal is closed")
        try:
            self._commit()
        except sqlite3.Error as error:  # not to be taken for the long job's own trouble
            raise JournalLost(describe(error)) from error
        self._one_job()

    def _take(self, seconds: float) -> None:
        """Sort everything that waits; wait for something to come."""
        try:
            item = self._queue.get(seconds > 0, seconds or None)
            while True:
                match item:
                    case Batch():
                        self._batches.append(item)
                    case Change():
                        self._changes.append(item)
                    case Job():
                        self._jobs.append(item)
                    case NewRoom(name, epoch):
                        self._store.add_room(name, epoch)
                        self._new_rooms = True
                    case None:
                        self._stopping = True
                item = self._queue.get_nowait()
        except queue.Empty:
            pass

    def _commit(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            self._keep(change)
        if not self._batches and not self._new_rooms:
            return
        batches, self._batches = self._batches, []
        self._new_rooms = False  # if this fails, the store keeps them for the next transaction
        self._commit_group(batches)

    def _commit_group(self, batches: Sequence[Batch]) -> None:
        try:
            result = self._store.commit([batch.drafts for batch in batches])
        except Exception as error:
            if ends(error):
                raise
            self._not_committed(batches, error)
            return
        for name, entries in result.entries.items():
            self._newly += len(entries)
            self._retention.grew(self._store.shelves[name])
        self._post(self._listener.committed, batches, result)

    def _not_committed(self, batches: Sequence[Batch], error: Exception) -> None:
        if passes(error):
            self._store.press_for_checkpoint()
            self._post(self._listener.refused, batches, no_room(error))
        elif len(batches) > 1:  # one of them can't be stored at all; the others had nothing to do with it
            for batch in batches:
                self._commit_group([batch])
        else:
            self._post(self._listener.refused, batches, unfit(error))

    def _keep(self, change: Change) -> None:
        try:
            self._store.keep(change.facts)
        except Exception as error:
            if ends(error):
                raise
            self._post(self._listener.kept, change, no_room(error) if passes(error) else unfit(error))
        else:
            self._post(self._listener.kept, change, None)

    def _one_job(self) -> None:
        if self._jobs:
            self._jobs.popleft().run(self._store)

    def _trim(self) -> None:
        newly, self._newly = self._newly, 0
        try:
            shelf = self._retention.piece(self._store, newly)
        except Exception as error:
            if not passes(error):
                raise
        else:
            if shelf is not None:
                self._post(self._listener.trimmed, shelf.name, shelf.first)

    def _checkpoint(self) -> None:
        if not self._store.checkpoint_due or time.monotonic() < self._checkpoint_from:
            return
        try:
            self._store.checkpoint()
        except Exception as error:
            if not passes(error):
                raise
            self._checkpoint_from = time.monotonic() + _RETRY_CHECKPOINT_SECONDS

    def _drop_jobs(self) -> None:
        with self._ended:
            self._over = True
        self._take(0.0)
        for job in self._jobs:
            if job.outcome.set_running_or_notify_cancel():
                job.outcome.set_exception(StorageFailed("the journal is closed"))
