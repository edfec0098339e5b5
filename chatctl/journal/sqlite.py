"""The journal in an SQLite file: the default of ``chatctl serve``.

Lives here: how the file is opened, and what only a file can do: backup, rebuild. Does not live here: heads, followers
and callbacks (threaded.py), the thread that writes (writer.py), its transactions (store.py), the schema (schema.py),
recognising an older copy (rollback_check.py).

It keeps the contract of ``Journal`` as follows. An id is unique per (room, token, id), in the same transaction as its
message. An acknowledged message is in the operating system's hands at ``os``, on the disk at ``disk``. While the disk
is full, appends fail and pages can be read; the next append tries anew. After a failed fsync, or any other error that
leaves the content of the file unknown, nothing that waits is answered and ``on_fatal`` is called once: the outcome is
unknown, and the server has to end.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from chatctl.common.text_search import Looked, Query
from chatctl.errors import ChatError
from chatctl.journal import Facts, RebuildCost, backup
from chatctl.journal.backup import backup_file
from chatctl.journal.queries import PAGE
from chatctl.journal.retention import OnHeld, Retention
from chatctl.journal.schema import Durability
from chatctl.journal.size_limit import SizeLimit
from chatctl.journal.sqlite_errors import (
    no_room,
    not_rebuilt,
    read_error,
    sqlite_defect,
    storage_failed,
)
from chatctl.journal.store import Store
from chatctl.journal.threaded import ThreadedJournal
from chatctl.journal.writer import Writer
from chatctl.protocol import Msg

__all__ = ["Durability", "SqliteJournal", "backup_file", "sqlite_defect"]

_T = TypeVar("_T")

ROOM_TO_SPARE = 1.1
"""How much more space than it needs has to be free for a rebuild: others write to the disk, too."""


class SqliteJournal(ThreadedJournal[Store]):
    """Numbers from 1 up in each room and keeps them in a file, which one process at a time has open."""

    _writer: Writer

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
        store = Store(path, durability)
        super().__init__(store, store.facts(), store.ends(), loop, on_fatal)
        self.path = path
        self.durability: str = durability
        self._backing_up = False
        self._long_job = asyncio.Lock()  # backup and rebuild: one at a time
        self._rebuilds_begun = self._rebuilt = 0
        self._retention = Retention(keep_messages, keep_days, clock, on_held=partial(self._dispatcher.post, on_held))
        self._retention.opened(store)
        self._writer = Writer(store, self._retention, SizeLimit(max_bytes), self._dispatcher)

    async def read(
        self, room: str, after: int, limit: int, *, most: int | None = None, newest: bool = False
    ) -> Sequence[Msg]:
        """Implement ``Journal.read``. Deleted entries are left out: the first one may be any later one.

        Raises:
            StorageFailed: the file can't be read, or the journal is closed.
        """
        return await self._query(super().read(room, after, limit, most=most, newest=newest))

    async def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Implement ``Journal.search``. Raises as ``read``."""
        return await self._query(super().search(room, query, after, before, limit))

    async def _query(self, answer: Awaitable[_T]) -> _T:
        try:
            return await answer
        except sqlite3.Error as error:
            raise read_error(error) from None

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
