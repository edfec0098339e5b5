"""The event loop's side of a journal that a thread writes: heads, followers and callbacks.

Lives here: what a journal in a file and one in a database engine have in common. Does not live here: the thread
(writer.py, postgres/writer.py), how each is opened (sqlite.py, postgres/journal.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from chatctl.common.names import fold_any
from chatctl.common.text_search import Looked, Query
from chatctl.errors import ChatError
from chatctl.journal import Deliver, Draft, Facts, Head, OnAppended, OnKept, RebuildCost
from chatctl.journal.records import Committed, RoomRecord, new_epoch
from chatctl.journal.retention import Retention
from chatctl.journal.work import Batch, FactsChange, GoneRoom, JournalLost, NewRoom, closed_error
from chatctl.journal.writer_thread import WriterThread
from chatctl.protocol import Msg

_T = TypeVar("_T")

AUTHORS_PIECE = 5_000
"""Entries whose authors are read between two commits (5 ms)."""


class ReadStore(Protocol):
    """What is asked of a store of any kind, on its thread."""

    @property
    def rooms(self) -> Mapping[str, RoomRecord]:
        """All rooms by name."""

    @property
    def renewed(self) -> str | None:
        """Why its rooms got new epochs when it was opened; None: they did not."""

    def read(self, room: str, after: int, limit: int, most: int | None = None, newest: bool = False) -> Sequence[Msg]:
        """Return entries as ``Journal.read``."""

    def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Look through a part of a log as ``Journal.search``."""

    def authors(self, room: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Return seq and nickname of at most ``limit`` kept entries that follow number ``after``."""

    def token_of(self, room: str, seq: int) -> bytes | None:
        """Return the hash of the token that an entry was said with, as ``Journal.token_of``."""


_S = TypeVar("_S", bound=ReadStore)


@dataclass(slots=True)
class Log:
    """A room's log as the loop's thread knows it: what was delivered, and its followers."""

    epoch: str
    first: int
    last: int
    time: float = 0.0
    followers: list[Deliver] = field(default_factory=list)


class Dispatcher:
    """Handles the writer's events on the loop's thread: updates heads, calls followers and senders back."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_fatal: Callable[[ChatError], None] | None) -> None:
        self.logs: dict[str, Log] = {}
        self.closed = asyncio.Event()
        self._loop = loop
        self._on_fatal = on_fatal

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call on the loop's thread. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody left to call
            self._loop.call_soon_threadsafe(call, *args)

    def committed(self, batches: Sequence[Batch], result: Committed) -> None:
        """Deliver new entries, then call the senders back."""
        for name, entries in result.entries.items():
            self.deliver(name, entries)
        for batch, receipts in zip(batches, result.receipts, strict=True):
            self.call(batch.done, receipts)

    def deliver(self, name: str, entries: Sequence[Msg]) -> None:
        """Deliver entries to the followers of a room, if it is known."""
        log = self.logs.get(name)
        if log is not None:
            log.last = entries[-1].seq
            for deliver in log.followers:
                self.call(deliver, entries)

    def trimmed(self, name: str, first: int) -> None:
        """Note the oldest entry that is kept."""
        if name in self.logs:
            self.logs[name].first = first

    def failed(self, error: ChatError) -> None:
        """Report that the server has to end."""
        if self._on_fatal is None:
            raise error
        self._on_fatal(error)

    def ended(self) -> None:
        """Let ``close`` return."""
        self.closed.set()

    def call(self, callback: Callable[[_T], None], argument: _T) -> None:
        """Call one of the journal's users back."""
        try:
            callback(argument)
        except Exception as error:  # noqa: BLE001 — the other callbacks must run
            self._loop.call_exception_handler({"message": "a journal's callback failed", "exception": error})


class ThreadedJournal(ABC, Generic[_S]):
    """Numbers from 1 up in each room and keeps the entries where a thread puts them."""

    durability: str
    traces = ""
    _writer: WriterThread[Any]
    _retention: Retention

    def __init__(
        self,
        store: _S,
        facts: Mapping[tuple[str, str], str],
        ends: Mapping[tuple[str, str], int],
        loop: asyncio.AbstractEventLoop | None,
        on_fatal: Callable[[ChatError], None] | None,
    ) -> None:
        """Take over what an open store holds. A subclass then starts the thread, ``_writer``.

        Args:
            store: open; the thread alone will use it.
            facts: all of them.
            ends: the last entry that each earlier epoch shares with the log, by room and epoch.
            loop: where callbacks run; None: the running one.
            on_fatal: called once, on the loop's thread, with the error that the server has to end with.
        """
        self.renewed = store.renewed
        """Why its rooms got new epochs when it was opened, or since; None: they did not."""
        self._facts = dict(facts)
        self._ends = ends
        self._loop = loop or asyncio.get_running_loop()
        self._secret = secrets.token_bytes(16)  # so that a room that was forgotten, being empty, is still the same
        self._closing = False
        self._dispatcher = Dispatcher(self._loop, on_fatal)
        for record in store.rooms.values():
            self._dispatcher.logs[record.name] = Log(record.epoch, record.first, record.last, record.time)

    @property
    def is_unused(self) -> bool:
        """Whether nothing was said or kept in it until it was opened, nor said since."""
        return not self._facts and not any(log.last for log in self._dispatcher.logs.values())

    def append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        """Implement ``Journal.append``. After ``close`` it fails; after a fatal error ``done`` is never called."""
        for draft in batch:
            self._log(draft.room)
        self._put(Batch(batch, done))

    def follow(self, room: str, deliver: Deliver) -> Head:
        """Implement ``Journal.follow``. A new room is stored, so that its epoch stays."""
        self._log(room).followers.append(deliver)
        return self.head(room)

    def forget(self, room: str) -> None:
        """Implement ``Journal.forget``."""
        if self._dispatcher.logs.pop(room, None) is not None:
            self._writer.put(GoneRoom(room))

    async def read(
        self, room: str, after: int, limit: int, *, most: int | None = None, newest: bool = False
    ) -> Sequence[Msg]:
        """Implement ``Journal.read``. Deleted entries are left out: the first one may be any later one.

        Raises:
            StorageFailed: the journal is closed.
        """
        return await self._run(lambda store: store.read(room, after, limit, most, newest))

    async def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Implement ``Journal.search``. Raises as ``read``."""
        return await self._run(lambda store: store.search(room, query, after, before, limit))

    def facts(self) -> dict[tuple[str, str], str]:
        """Implement ``Journal.facts``."""
        return dict(self._facts)

    def keep(self, changes: Facts, done: OnKept) -> None:
        """Implement ``Journal.keep``. After ``close`` it fails; after a fatal error ``done`` is never called."""
        self._put(FactsChange(changes, done))

    def head(self, room: str) -> Head:
        """Implement ``Journal.head``: ``last`` was delivered."""
        log = self._log(room)
        return Head(log.epoch, log.first, log.last, log.time)

    def reach(self, room: str, after: int, done: OnKept) -> None:
        """Implement ``Journal.reach`` for one that nobody else writes into."""
        done(None)

    def end_of(self, epoch: str, room: str) -> int | None:
        """Implement ``Journal.end_of``."""
        return self._ends.get((room, epoch))

    def rooms(self) -> Collection[str]:
        """Implement ``Journal.rooms``."""
        return list(self._dispatcher.logs)

    async def said_by(self, nick: str, room: str) -> list[int]:
        """Implement ``Journal.said_by``, a piece between two commits at a time."""
        found: list[int] = []
        is_theirs: dict[str, bool] = {}
        after = 0
        while rows := await self._run(lambda store, after=after: store.authors(room, after, AUTHORS_PIECE)):  # type: ignore[misc]
            for seq, author in rows:
                if author not in is_theirs:
                    is_theirs[author] = fold_any(author) == nick
                if is_theirs[author]:
                    found.append(seq)
            after = rows[-1][0]
        return found

    async def token_of(self, room: str, seq: int) -> bytes | None:
        """Implement ``Journal.token_of``. Raises as ``read``."""
        return await self._run(lambda store: store.token_of(room, seq))

    @abstractmethod
    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        """Implement ``Journal.redact``."""

    @abstractmethod
    async def rebuild(self) -> None:
        """Implement ``Journal.rebuild``."""

    @abstractmethod
    async def cost(self) -> RebuildCost | None:
        """Implement ``Journal.cost``."""

    def trim(self) -> Future[None]:
        """Believe the clock, and begin to delete what is too old by it. Return when it has begun."""
        return self._writer.submit(self._retention.believe)

    async def close(self) -> None:
        """Commit what waits, run its callbacks, and close the journal. Appends fail from now on."""
        if not self._closing:
            self._closing = True
            self._writer.stop()
        await self._dispatcher.closed.wait()

    def _log(self, room: str) -> Log:
        log = self._dispatcher.logs.get(room)
        if log is None:
            log = self._dispatcher.logs[room] = Log(self._epoch_of_new(room), 1, 0)
            self._writer.put(NewRoom(room, log.epoch))
        return log

    def _epoch_of_new(self, room: str) -> str:
        return new_epoch(room, self._secret)

    def _put(self, item: Batch | FactsChange) -> None:
        if self._closing:
            self._loop.call_soon(item.done, closed_error())
        else:
            self._writer.put(item)

    async def _run(self, work: Callable[[_S], _T]) -> _T:
        try:
            return await asyncio.wrap_future(self._writer.submit(work))
        except JournalLost:  # the writer ends with it, and says so
            raise closed_error() from None
