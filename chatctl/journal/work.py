"""Work: what the event loop's side of a journal hands to its thread, and what the thread reports.

Does not live here: either side (threaded.py; writer.py for a file, postgres/writer.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import Draft, Facts, OnAppended, OnKept
from chatctl.journal.records import Committed

_T = TypeVar("_T")

RETRY_AFTER = 5.0
"""Seconds after which a sender may try again while nothing can be stored."""


class JournalLost(Exception):
    """The open journal is no longer the one that was opened, or its state is unknown: the server has to end."""


def closed_error() -> StorageFailed:
    """Return the error of every call after ``close``."""
    return StorageFailed("the journal is closed")


@dataclass(frozen=True, slots=True)
class Batch:
    """The arguments of one call of ``append``."""

    drafts: Sequence[Draft]
    done: OnAppended


@dataclass(frozen=True, slots=True)
class FactsChange:
    """The arguments of one call of ``keep``."""

    facts: Facts
    done: OnKept
    seen: int | None = None
    """The version of the facts by which it was decided, where several servers change them; None: there is one."""


@dataclass(frozen=True, slots=True)
class NewRoom:
    """A room that is to be added to the store."""

    name: str
    epoch: str


@dataclass(frozen=True, slots=True)
class GoneRoom:
    """A room without entries that is to be removed from the store."""

    name: str


class Job(Generic[_T]):
    """A function to be called with the store, and its outcome."""

    __slots__ = ("outcome", "tries", "work")

    def __init__(self, work: Callable[[Any], _T]) -> None:
        self.work = work
        self.outcome: Future[_T] = Future()
        self.tries = 0

    def begin(self) -> bool:
        """Return whether its outcome is still wanted; it can't be cancelled any more then."""
        return self.outcome.running() or self.outcome.set_running_or_notify_cancel()

    def run(self, store: object) -> None:
        """Call it, unless its outcome was cancelled."""
        if not self.begin():
            return
        try:
            self.outcome.set_result(self.work(store))
        except Exception as error:
            self.outcome.set_exception(error)
            if isinstance(error, JournalLost):  # other errors, of a page that can't be read, concern the caller alone
                raise

    def fail(self, error: ChatError) -> None:
        """Report that it can't be called, unless its outcome was cancelled."""
        if self.begin():
            self.outcome.set_exception(error)


class WriterEvents(Protocol):
    """Callbacks of the writer, on the event loop's thread, in the order of the events."""

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call of one of these on that thread. From any thread; the order of calls is kept."""

    def committed(self, batches: Sequence[Batch], result: Committed) -> None:
        """One transaction was committed."""

    def call(self, callback: Callable[[_T], None], argument: _T) -> None:
        """A batch was not stored, or a change of facts was or was not: its callback is due."""

    def trimmed(self, name: str, first: int) -> None:
        """The oldest kept entry of a room is now number ``first``."""

    def failed(self, error: ChatError) -> None:
        """The server has to end. What waits is never answered, because its outcome may be unknown."""

    def ended(self) -> None:
        """The journal is closed; this is the last event."""
