"""A thread that alone uses an open store, and the queue through which others reach it.

Lives here: what comes through the queue, and what becomes of calls at the end. Does not live here: what is done, and in
which order (writer.py for a file, postgres/writer.py).
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from chatctl.journal.work import Job, closed_error

_I = TypeVar("_I")
_T = TypeVar("_T")


class WriterThread(ABC, Generic[_I]):
    """Takes items and calls from any thread. A subclass calls ``_start`` once its own state is complete."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[_I | Job[Any] | None] = queue.SimpleQueue()
        self._jobs: deque[Job[Any]] = deque()
        self._ended = threading.Lock()  # guards _over: a job comes before the end and is dropped, or after and refused
        self._over = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    # --- from other threads

    def put(self, item: _I) -> None:
        """Queue something to be written."""
        self._queue.put(item)

    def submit(self, work: Callable[[Any], _T]) -> Future[_T]:
        """Queue a call on the thread, between two commits; return its outcome."""
        job = Job(work)
        with self._ended:
            if self._over:
                job.outcome.set_exception(closed_error())
            else:
                self._queue.put(job)
        return job.outcome

    def stop(self) -> None:
        """Make the thread end once everything that was queued before is done."""
        self._queue.put(None)

    # --- the thread

    def _start(self) -> None:
        """Start the thread, which alone uses the store from now on."""
        self._thread.start()

    @abstractmethod
    def _run(self) -> None:
        """Work until ``_sort`` got the end; then call ``_drop_jobs``."""

    @abstractmethod
    def _sort(self, item: _I | None) -> None:
        """Keep an item for when its turn comes; None is the end."""

    def _take(self, seconds: float) -> None:
        """Sort everything that is queued. Wait so many seconds for a first item."""
        try:
            item = self._queue.get(seconds > 0, seconds or None)
            while True:
                if isinstance(item, Job):
                    self._jobs.append(item)
                else:
                    self._sort(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            pass

    def _drop_jobs(self) -> None:
        """Refuse the calls that wait, and all that come from now on."""
        with self._ended:
            self._over = True
        self._take(0.0)
        for job in self._jobs:
            job.fail(closed_error())
