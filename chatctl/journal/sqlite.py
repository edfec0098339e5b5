"""The journal in an SQLite file: the default of ``chatctl serve``.

Lives here: the event loop's side, that is heads, followers and callbacks. Does not live here: the thread that writes
(writer.py), its transactions (store.py), the schema (schema.py), recognising an older copy (rollback_check.py).

It keeps the contract of ``Journal`` as follows. An id is unique per (room, token, id), in the same transaction as its
message. An acknowledged message is in the operating system's hands at ``os``, on the disk at ``disk``. While the disk
is full, appends fail and pages can be read; the next append tries anew. After a failed fsync, or any other error that
leaves the content of the file unknown, nothing that waits is answered and ``on_fatal`` is called once: the outcome is
unknown, and the server has to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from chatctl.common.names import fold_any
from chatctl.common.text_search import Looked, Query
from chatctl.errors import ChatError
from chatctl.journal import Deliver, Draft, Facts, Head, OnAppended, OnKept, RebuildCost, backup
from chatctl.journal.backup import backup_file
from chatctl.journal.queries import PAGE
from chatctl.journal.retention import OnHeld, Retention
from chatctl.journal.schema import Durability
from chatctl.journal.size_limit import SizeLimit
from chatctl.journal.sqlite_errors import (
    JournalLost,
    closed_error,
    no_room,
    not_rebuilt,
    read_error,
    sqlite_defect,
    storage_failed,
)
from chatctl.journal.store import Store
from chatctl.journal.transaction import Committed, new_epoch
from chatctl.journal.writer import Batch, FactsChange, GoneRoom, NewRoom, Writer
from chatctl.protocol import Msg

__all__ = ["Durability", "SqliteJournal", "backup_file", "sqlite_defect"]

_T = TypeVar("_T")

AUTHORS_PIECE = 5_000
"""Entries whose authors are read between two commits (5 ms)."""

ROOM_TO_SPARE = 1.1
"""How much more space than it needs has to be free for a rebuild: others write to the disk, too."""


@dataclass(slots=True)
class _Log:
    """A room's log as the loop's thread knows it: what was delivered, and its followers."""

    epoch: str
    first: int
    last: int
    time: float = 0.0
    followers: list[Deliver] = field(default_factory=list)


class _Dispatcher:
    """Handles the writer's events on the loop's thread: updates heads, calls followers and senders back."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_fatal: Callable[[ChatError], None] | None) -> None:
        self.logs: dict[str, _Log] = {}
        self.closed = asyncio.Event()
        self._loop = loop
        self._on_fatal = on_fatal

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call on the loop's thread. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody left to call
            self._loop.call_soon_threadsafe(call, *args)

    def committed(self, batches: Sequence[Batch], result: Committed) -> None:
        for name, entries in result.entries.items():
            log = self.logs[name]
            log.last = entries[-1].seq
            for deliver in log.followers:
                self.call(deliver, entries)
        for batch, receipts in zip(batches, result.receipts, strict=True):
            self.call(batch.done, receipts)

    def trimmed(self, name: str, first: int) -> None:
        self.logs[name].first = first

    def failed(self, error: ChatError) -> None:
        if self._on_fatal is None:
            raise error
        self._on_fatal(error)

    def ended(self) -> None:
        self.closed.set()

    def call(self, callback: Callable[[_T], None], argument: _T) -> None:
        try:
            callback(argument)
        except Exception as error:  # noqa: BLE001 — the other callbacks must run
            self._loop.call_exception_handler({"message": "a journal's callback failed", "exception": error})


class SqliteJournal:
    """Numbers from 1 up in each room and keeps them in a file, which one process at a time has open."""

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability = "disk",
        keep_messages: int | None = None,
        keep_days: float | None = None,
        max_bytes: int | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        on_fatal: Callable[[ChatError], None] | None = None,
        on_held: OnHeld = lambda *_: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the file, create it if it does not exist, and start the thread. Blocks: do it before accepting anybody.

        Args:
            path: of the database; ``-wal`` and ``.stamp`` lie beside it.
            durability: what an acknowledgement survives: ``os`` a killed process, ``disk`` a power cut.
            keep_messages: number that each room keeps; None: all.
            keep_days: how long they are kept; None: for ever.
            max_bytes: of the database and its log together; the oldest entries of all rooms go. None: no limit.
            loop: where callbacks run; None: the running one.
            on_fatal: called once, on the loop's thread, with the error that the server has to end with.
            on_held: called there with a room whose trim waits, since the clock is in doubt: as ``retention.OnHeld``.
            clock: returns Unix seconds.

        Raises:
            ChatError: the file is in use, damaged, not a journal, or of a newer chatctl.
        """
        self._loop = loop or asyncio.get_running_loop()
        self.path = path
        self.durability: str = durability
        self._closing = self._backing_up = False
        self._long_job = asyncio.Lock()  # backup and rebuild: one at a time
        self._rebuilds_begun = self._rebuilt = 0
        self._dispatcher = _Dispatcher(self._loop, on_fatal)
        held = partial(self._dispatcher.post, on_held)
        self._retention = Retention(keep_messages, keep_days, clock, on_held=held)
        self._open(Store(path, durability), SizeLimit(max_bytes))

    def _open(self, store: Store, size: SizeLimit) -> None:
        """Read what the file has, and start the thread."""
        self.renewed = store.renewed
        """Why its rooms got new epochs when it was opened, for the log; None: they did not."""
        self._facts = store.facts()
        self._ends = store.ends()
        self._secret = secrets.token_bytes(16)  # so that a room that was forgotten, being empty, is still the same
        for room in store.rooms.values():
            self._dispatcher.logs[room.name] = _Log(room.epoch, room.first, room.last, room.time)
        self._retention.opened(store)
        self._writer = Writer(store, self._retention, size, self._dispatcher)

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
            StorageFailed: the file can't be read, or the journal is closed.
        """
        return await self._query(lambda store: store.read(room, after, limit, most, newest))

    async def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Implement ``Journal.search``. Raises as ``read``."""
        return await self._query(lambda store: store.search(room, query, after, before, limit))

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

    def end_of(self, epoch: str, room: str) -> int | None:
        """Implement ``Journal.end_of``."""
        return self._ends.get((room, epoch))

    async def backup(self, path: Path) -> None:
        """Copy the journal while it is in use. The copy holds at least all that was committed before the call.

        Raises:
            ChatError: the file exists or can't be written, another backup is running, or the journal closes.
        """
        if self._backing_up:
            raise ChatError("a backup is being made already: wait for it")
        self._backing_up = True
        try:
            async with self._long_job:
                await self._backup(path)
        finally:
            self._backing_up = False

    async def _backup(self, path: Path) -> None:
        copy = await asyncio.to_thread(backup.begin, path)
        try:
            await self._run(lambda store: store.copy_to(copy, self._writer.between))
            await asyncio.to_thread(backup.finish, copy, path)
        except sqlite3.Error as error:
            raise backup.unwritable(path, error) from None
        finally:
            backup.discard(copy)

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

    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        """Implement ``Journal.redact``."""
        try:
            await self._run(lambda store: store.redact(room, seqs, facts))
        except sqlite3.Error as error:
            raise storage_failed(error) from None

    async def rebuild(self) -> None:
        """Implement ``Journal.rebuild``. It waits for a backup; one that began meanwhile serves all."""
        asked = self._rebuilds_begun
        async with self._long_job:
            if self._rebuilt > asked:
                return
            self._rebuilds_begun = number = self._rebuilds_begun + 1
            cost = await self.cost()
            if cost.free < cost.needed * ROOM_TO_SPARE:
                raise no_room(cost)
            try:
                await self._run(lambda store: store.rebuild(self._writer.between))
            except (sqlite3.Error, OSError) as error:
                raise not_rebuilt(error) from None
            self._rebuilt = number

    async def cost(self) -> RebuildCost:
        """Implement ``Journal.cost``."""
        pages, unused = await self._run(lambda store: store.pages())
        return RebuildCost(PAGE * (pages - unused), shutil.disk_usage(self.path.parent).free, PAGE * pages)

    def trim(self) -> Future[None]:
        """Believe the clock, and begin to delete what is too old by it. Return when it has begun."""
        return self._writer.submit(self._retention.believe)

    async def close(self) -> None:
        """Commit what waits, run its callbacks, and close the file. Appends fail from now on."""
        if not self._closing:
            self._closing = True
            self._writer.stop()
        await self._dispatcher.closed.wait()

    def _log(self, room: str) -> _Log:
        log = self._dispatcher.logs.get(room)
        if log is None:
            log = self._dispatcher.logs[room] = _Log(new_epoch(room, self._secret), 1, 0)
            self._writer.put(NewRoom(room, log.epoch))
        return log

    def _put(self, item: Batch | FactsChange) -> None:
        if self._closing:
            self._loop.call_soon(item.done, closed_error())
        else:
            self._writer.put(item)

    async def _query(self, query: Callable[[Store], _T]) -> _T:
        try:
            return await self._run(query)
        except sqlite3.Error as error:
            raise read_error(error) from None

    async def _run(self, work: Callable[[Store], _T]) -> _T:
        try:
            return await asyncio.wrap_future(self._writer.submit(work))
        except JournalLost:  # the writer ends with it, and says so
            raise closed_error() from None
