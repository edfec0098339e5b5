"""The writer: the one thread that uses an open store.

Lives here: the order of its work, group commit, and the handling of failures. Does not live here: the transactions
(store.py), followers (sqlite.py).

One iteration of the thread commits everything that waits to be appended as one transaction; then it does one job (a
page, a piece of a backup), one piece of trimming, and a checkpoint if that is due. So an append waits for at most one
of each, and each of these for one commit.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from chatctl.journal.retention import Retention
from chatctl.journal.size_limit import SizeLimit
from chatctl.journal.sqlite_errors import (
    describe,
    fatal_error,
    is_fatal,
    is_temporary,
    storage_failed,
)
from chatctl.journal.store import Store
from chatctl.journal.work import Batch, FactsChange, GoneRoom, JournalLost, NewRoom, WriterEvents, closed_error
from chatctl.journal.writer_thread import WriterThread

_RETRY_CHECKPOINT_SECONDS = 1.0


_LAST_SECONDS = 1.0


class Writer(WriterThread[Batch | FactsChange | NewRoom | GoneRoom]):
    """Runs a store on a thread of its own."""

    def __init__(self, store: Store, retention: Retention, size_limit: SizeLimit, events: WriterEvents) -> None:
        """Start the thread, which alone uses the store from now on."""
        super().__init__()
        self._store = store
        self._retention = retention
        self._size_limit = size_limit
        size_limit.apply(store)
        self._events = events
        self._post = events.post
        self._batches: list[Batch] = []
        self._changes: list[FactsChange] = []
        self._new_rooms = False
        self._stopping = False
        self._shrinking = True
        self._newly = 0
        self._checkpoint_from = 0.0
        self._start()

    def _run(self) -> None:
        try:
            while not (self._stopping and not self._batches and not self._changes and not self._jobs):
                self._run_once()
            self._keep_to_size()
            self._store.close()
        except Exception as error:  # noqa: BLE001 — a thread that died silently would leave every caller waiting
            self._store.abandon()
            self._post(self._events.failed, fatal_error(self._store.path, error))
        finally:
            self._drop_jobs()
            self._post(self._events.ended)

    def _run_once(self) -> None:
        busy = self._jobs or self._stopping or self._shrinking or self._size_limit.more
        self._take(0.0 if busy else self._retention.wait())
        self._commit()
        self._store.check_files()  # also in a minute without a message
        self._one_job()
        self._trim()
        self._shrink()
        self._checkpoint()

    def between(self) -> None:
        """Commit and read what waits, in the middle of a long job. To be called on the thread only.

        Raises:
            StorageFailed: the journal is being closed: abort the job.
        """
        self._take(0.0)
        if self._stopping:
            raise closed_error()
        try:
            self._commit()
            self._checkpoint()
        except sqlite3.Error as error:  # must not pass for an error of the long job
            raise JournalLost(describe(error)) from error
        self._one_job()

    def _sort(self, item: Batch | FactsChange | NewRoom | GoneRoom | None) -> None:
        match item:
            case Batch():
                self._batches.append(item)
            case FactsChange():
                self._changes.append(item)
            case NewRoom(name, epoch):
                self._store.add_room(name, epoch)
                self._new_rooms = True
            case GoneRoom(name):
                self._store.remove_room(name)
                self._new_rooms = True
            case None:
                self._stopping = True

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
            if is_fatal(error):
                raise
            self._not_committed(batches, error)
            return
        for name, entries in result.entries.items():
            self._newly += len(entries)
            self._retention.grew(self._store.rooms[name])
            self._size_limit.grew()
        self._post(self._events.committed, batches, result)

    def _not_committed(self, batches: Sequence[Batch], error: Exception) -> None:
        if not is_temporary(error) and len(batches) > 1:  # one of them can't be stored at all; the others can
            for batch in batches:
                self._commit_group([batch])
            return
        if is_temporary(error):
            self._store.request_checkpoint()
        for batch in batches:
            self._post(self._events.call, batch.done, storage_failed(error))

    def _keep(self, change: FactsChange) -> None:
        try:
            self._store.keep(change.facts)
        except Exception as error:
            if is_fatal(error):
                raise
            self._post(self._events.call, change.done, storage_failed(error))
        else:
            self._post(self._events.call, change.done, None)

    def _one_job(self) -> None:
        if self._jobs:
            self._jobs.popleft().run(self._store)

    def _trim(self) -> None:
        newly, self._newly = self._newly, 0
        try:
            record = self._retention.piece(self._store, newly) or self._size_limit.piece(self._store)
        except Exception as error:
            if not is_temporary(error):
                raise
            self._size_limit.more = False  # the next message tries again
        else:
            if record is not None:
                self._post(self._events.trimmed, record.name, record.first)

    def _keep_to_size(self) -> None:
        """Bring the files within their limit before the end; for a second, since somebody waits for that."""
        until = time.monotonic() + _LAST_SECONDS
        while self._size_limit.is_set and time.monotonic() < until and (self._size_limit.more or self._shrinking):
            self._trim()
            self._shrink()

    def _shrink(self) -> None:
        try:
            self._shrinking = self._store.shrink()
        except sqlite3.Error as error:
            if not is_temporary(error):
                raise
            self._shrinking = False

    def _checkpoint(self) -> None:
        if not self._store.checkpoint_due or time.monotonic() < self._checkpoint_from:
            return
        try:
            self._store.checkpoint()
        except Exception as error:
            if not is_temporary(error):
                raise
            self._checkpoint_from = time.monotonic() + _RETRY_CHECKPOINT_SECONDS
