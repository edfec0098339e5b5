"""The journal in an SQLite file: the default of ``chatctl serve``.

Lives here: the event loop's side: heads, followers, and what the loop's thread is told. Does not live here: the thread
that writes (writer.py), its transactions (store.py), the file's form (schema.py), how a journal that went back in time
is recognised (stamp.py).

The promises of ``Journal`` hold as follows. An id is unique per (room, token, id), in the same transaction as its
message. What is acknowledged at ``os`` is in the operating system's hands, at ``disk`` on the disk. While the disk is
full, appends fail, pages are read, and the next append finds out by itself that there is room again. When an fsync
fails, or anything else after which nobody knows what the file holds, nothing that waits is answered and ``on_fatal``
is called once: its outcome is unknown, and the server has to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import Deliver, Done, Draft, Facts, Head, Kept, backup
from chatctl.journal.backup import backup_file
from chatctl.journal.retention import Retention
from chatctl.journal.schema import Durability
from chatctl.journal.sqlite_errors import sqlite_defect, unreadable
from chatctl.journal.store import Store
from chatctl.journal.transaction import Committed, new_epoch
from chatctl.journal.writer import Batch, Change, NewRoom, Writer
from chatctl.protocol import Msg

__all__ = ["Durability", "SqliteJournal", "backup_file", "sqlite_defect"]

_T = TypeVar("_T")


@dataclass(slots=True)
class _Log:
    """A room as the loop's thread knows it: what was delivered, and to whom the rest goes."""

    epoch: str
    first: int
    last: int
    followers: list[Deliver] = field(default_factory=list)


class _Desk:
    """The writer's listener, on the loop's thread: keeps the heads, and tells followers and senders."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_fatal: Callable[[ChatError], None] | None) -> None:
        self.logs: dict[str, _Log] = {}
        self.closed = asyncio.Event()
        self._loop = loop
        self._on_fatal = on_fatal

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Have something called here. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(call, *args)

    def committed(self, batches: Sequence[Batch], result: Committed) -> None:
        for name, entries in result.entries.items():
            log = self.logs[name]
            log.last = entries[-1].seq
            for deliver in log.followers:
                self._tell(deliver, entries)
        for batch, receipts in zip(batches, result.receipts, strict=True):
            self._tell(batch.done, receipts)

    def refused(self, batches: Sequence[Batch], error: StorageFailed) -> None:
        for batch in batches:
            self._tell(batch.done, error)

    def kept(self, change: Change, error: StorageFailed | None) -> None:
        self._tell(change.done, error)

    def trimmed(self, name: str, first: int) -> None:
        self.logs[name].first = first

    def failed(self, error: ChatError) -> None:
        if self._on_fatal is None:
            raise error
        self._on_fatal(error)

    def ended(self) -> None:
        self.closed.set()

    def _tell(self, call: Callable[[_T], None], news: _T) -> None:
        try:
            call(news)
        except Exception as error:  # noqa: BLE001 — one that fails must not keep the news from the others
            self._loop.call_exception_handler({"message": "a journal's callback failed", "exception": error})


class SqliteJournal:
    """Numbers from 1 up in each room, kept in a file. One per file, over all processes."""

    def __init__(
        self,
        path: Path,
        *,
        durability: Durability = "disk",
        keep_messages: int | None = None,
        keep_days: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        on_fatal: Callable[[ChatError], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the file, made if it is not there, and start the thread. Blocks: do it before serving anybody.

        Args:
            path: the database; ``-wal`` and ``.stamp`` stand beside it.
            durability: what an acknowledgement survives: ``os`` a killed process, ``disk`` a power cut.
            keep_messages: how many a room keeps; None: all.
            keep_days: for how long; None: for ever.
            loop: where callbacks run; None: the running one.
            on_fatal: called once, on the loop's thread, with the line the server has to end with.
            clock: Unix seconds.

        Raises:
            ChatError: the file is in use, damaged, not a journal, or of a newer chatctl.
        """
        loop = loop or asyncio.get_running_loop()
        store = Store(path, durability)
        self.path = path
        self.durability: str = durability
        self.renewed = store.renewed
        """Why its rooms have new epochs since it was opened: a line for the log. Or None."""
        self._facts = store.facts()
        self._loop = loop
        self._closing = False
        self._backing_up = False
        self._desk = _Desk(loop, on_fatal)
        for shelf in store.shelves.values():
            self._desk.logs[shelf.name] = _Log(shelf.epoch, shelf.first, shelf.last)
        self._retention = Retention(keep_messages, keep_days, clock)
        self._writer = Writer(store, self._retention, self._desk, self._desk.post)

    # --- the Journal

    def append(self, batch: Sequence[Draft], done: Done) -> None:
        """See ``Journal.append``. After ``close`` it fails; after a fatal error it is never answered."""
        if self._closing:
            self._loop.call_soon(done, StorageFailed("the journal is closed"))
            return
        for draft in batch:
            self._log(draft.room)
        self._writer.put(Batch(batch, done))

    def follow(self, room: str, deliver: Deliver) -> Head:
        """See ``Journal.follow``. A room that is new is stored, so that its epoch stays."""
        self._log(room).followers.append(deliver)
        return self.head(room)

    async def read(self, room: str, after: int, limit: int) -> Sequence[Msg]:
        """See ``Journal.read``. Entries that were trimmed are left out: the first one may be any later one.

        Raises:
            StorageFailed: the file can't be read, or the journal is closed.
        """
        try:
            return await self._run(lambda store: store.read(room, after, limit))
        except sqlite3.Error as error:
            raise unreadable(error) from None

    def facts(self) -> dict[tuple[str, str], str]:
        """See ``Journal.facts``."""
        return dict(self._facts)

    def keep(self, changes: Facts, done: Kept) -> None:
        """See ``Journal.keep``. After ``close`` it fails; after a fatal error it is never answered."""
        if self._closing:
            self._loop.call_soon(done, StorageFailed("the journal is closed"))
        else:
            self._writer.put(Change(changes, done))

    # --- beyond the methods of a journal

    def head(self, room: str) -> Head:
        """Give where a room's log stands now: ``last`` was delivered, ``first`` rises as the log is trimmed."""
        log = self._log(room)
        return Head(log.epoch, log.first, log.last)

    def rooms(self) -> list[str]:
        """Give the names of all rooms, in the order in which they were made."""
        return list(self._desk.logs)

    async def trim(self) -> None:
        """Drop what is no longer kept now, not within the next minute. Appends go on meanwhile."""
        await self._run(self._retention.check)
        while await self._run(lambda _: self._retention.wait() == 0):
            pass  # each turn of the writer drops a piece

    async def backup(self, path: Path) -> None:
        """Copy the journal while it goes on. The copy holds at least all that was committed before the call.

        Raises:
            ChatError: the file is there already or can't be written, another backup is running, or the journal closes.
        """
        if self._backing_up:
            raise ChatError("a backup is being made already: wait for it")
        self._backing_up = True
        try:
            copy = await asyncio.to_thread(backup.begin, path)
            try:
                await self._run(lambda store: store.copy_to(copy, self._writer.between))
                await asyncio.to_thread(backup.finish, copy, path)
            except sqlite3.Error as error:
                raise backup.unwritable(path, error) from None
            finally:
                backup.discard(copy)
        finally:
            self._backing_up = False

    async def close(self) -> None:
        """Commit what waits, let its callbacks run, and close the file. Appends fail from now on."""
        if not self._closing:
            self._closing = True
            self._writer.stop()
        await self._desk.closed.wait()

    def _log(self, room: str) -> _Log:
        log = self._desk.logs.get(room)
        if log is None:
            log = self._desk.logs[room] = _Log(new_epoch(), 1, 0)
            self._writer.put(NewRoom(room, log.epoch))
        return log

    async def _run(self, work: Callable[[Store], _T]) -> _T:
        return await asyncio.wrap_future(self._writer.submit(work))
