"""The store: one open journal file and each transaction on it, as calls that block.

Lives here: opening, committing, trimming, checkpoints. Does not live here: what only reads (queries.py), the thread
that makes these calls (writer.py), the numbers (transaction.py), the schema (schema.py), when to trim (retention.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from chatctl.journal import Draft, Facts, rebuild
from chatctl.journal.free_space import FreeSpace
from chatctl.journal.queries import PAGE, Queries
from chatctl.journal.rebuild import Rebuild
from chatctl.journal.records import Committed, RoomRecord, new_epoch
from chatctl.journal.rollback_check import RollbackCheck, boot_id, find_rollback, stamp_path
from chatctl.journal.schema import Durability, closed_on_error, connect, discard_second_name, identity, wal_path
from chatctl.journal.sqlite_errors import is_temporary
from chatctl.journal.transaction import Transaction
from chatctl.journal.trimming import Aged, Trimming
from chatctl.journal.work import JournalLost

CHECKPOINT_AFTER = 10_000
"""Approximate number of pages in the WAL (40 MiB) at which it is written back into the database."""

_PAGES_A_COMMIT = 4
_BACKUP_PAGES = 256
"""Pages (1 MiB) of a backup between two commits."""

_ENDS_KEPT = 100
"""Earlier epochs that a room remembers."""

_FORGET_ENDS = (
    "DELETE FROM ends WHERE room = ? AND rowid NOT IN"
    " (SELECT rowid FROM ends WHERE room = ? ORDER BY rowid DESC LIMIT ?)"
)


class Store(Queries, Trimming):
    """An open journal. Every method blocks; one thread at a time may use it."""

    def __init__(self, path: Path, durability: Durability = "disk", *, boot: str | None = None) -> None:
        """Open the file at ``path``. ``boot`` identifies this boot of the machine; None: ask the system.

        Raises:
            ChatError: as ``schema.connect``; or entries are missing.
        """
        self.path = path
        self.durability = durability
        boot = boot_id() if boot is None else boot
        was_there = identity(path) is not None and path.stat().st_size > 0
        self._db = connect(path, durability)
        self._wal: tuple[int, int] | None = None
        self._rebuild: Rebuild | None = None
        self.free_space = FreeSpace()
        self.checkpoint_after = CHECKPOINT_AFTER
        self.renewed: str | None = None
        """Why the rooms got new epochs when the file was opened; None: they did not."""
        with closed_on_error(self._db, path):
            rebuild.discard(path)  # of a server that was killed
            discard_second_name(path)  # of a copy that was killed
            if was_there:
                self.renewed = find_rollback(stamp_path(path), self._generation(), self._total(), boot)
            if self.renewed is not None:
                self._renew()
            self._insist_on_density()
            self.rooms = {record.name: record for record in self._load()}
            self._written = self._total()
            self._stamp = RollbackCheck(stamp_path(path), self._generation(), self._written, durability, boot)
        self._next_id = 1 + max((record.id for record in self.rooms.values()), default=0)
        self._unsaved: list[RoomRecord] = []
        self._gone: list[RoomRecord] = []
        # Without these, the WAL of servers that are killed early would grow without end.
        self._since_checkpoint = self._pages_of_wal()

    # --- opening and closing

    def _pages_of_wal(self) -> int:
        """Return an upper limit of the pages in the WAL, which a killed server may have left."""
        with contextlib.suppress(OSError):
            return wal_path(self.path).stat().st_size // PAGE
        return 0

    def _renew(self) -> None:
        """Renew the generation and the rooms' epochs: the old log may go on elsewhere, or had more entries."""
        with self._transaction():
            mark_as_copy(self._db, secrets.token_hex(16))
            for record in list(self._load()):
                # What the file holds is what the old epoch held up to here, whatever came behind it.
                self._db.execute("UPDATE ends SET last = min(last, ?) WHERE room = ?", (record.last, record.id))
                ended = (record.id, record.epoch, record.last)
                self._db.execute("INSERT OR REPLACE INTO ends VALUES (?, ?, ?)", ended)
                self._db.execute(_FORGET_ENDS, (record.id, record.id, _ENDS_KEPT))
                self._db.execute("UPDATE rooms SET epoch = ? WHERE id = ?", (new_epoch(), record.id))

    def close(self) -> None:
        """Write the WAL back and close the file. On a full disk, the next start writes it back.

        Raises:
            sqlite3.Error: it is unknown what was written back. The file is still open: ``abandon`` it.
        """
        try:
            self.checkpoint()
        except sqlite3.Error as error:
            if not is_temporary(error):
                raise
            self._db.close()
            self._stamp.leave()
        else:
            self._db.close()
            self._stamp.finish(self._written)

    def abandon(self) -> None:
        """Leave the file as a killed process would: open and locked until this process ends.

        Closing writes the WAL back and removes it. After a failed fsync, the next one reports success for pages that
        the kernel has dropped: what is safe in the WAL would be lost. Python 3.11 can't close a connection without
        that, and closes what can still be collected at exit: hence a reference that is never given back.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))
        self._stamp.leave()

    # --- writing

    def add_room(self, name: str, epoch: str) -> None:
        """Add a room; the next successful transaction stores it."""
        record = self.rooms[name] = RoomRecord(self._next_id, name, epoch)
        self._next_id += 1
        self._unsaved.append(record)

    def remove_room(self, name: str) -> None:
        """Remove a room without entries; the next successful transaction forgets it."""
        record = self.rooms.pop(name)
        if record in self._unsaved:
            self._unsaved.remove(record)
        else:
            self._gone.append(record)

    def commit(self, batches: Sequence[Sequence[Draft]]) -> Committed:
        """Commit batches, and the rooms that were added, in one transaction. The drafts' rooms must be known.

        Raises:
            sqlite3.Error: nothing was written, or that is unknown: see ``sqlite_errors.is_fatal``.
        """
        work = Transaction(self._db, self.rooms)
        with self._transaction():
            rooms = [(room.id, room.name, room.epoch) for room in self._unsaved]
            self._db.executemany("DELETE FROM rooms WHERE id = ?", [(room.id,) for room in self._gone])
            self._db.executemany("INSERT INTO rooms VALUES (?, ?, ?, 1)", rooms)
            for batch in batches:
                work.result.receipts.append([work.add(draft) for draft in batch])
            work.write()
            if work.facts:
                self._change_facts(work.facts)
        self._unsaved.clear()
        self._gone.clear()
        for name, entries in work.result.entries.items():
            self.rooms[name].last = entries[-1].seq
            self._written += len(entries)
        self._stamp.advance(self._written)
        self._since_checkpoint += _PAGES_A_COMMIT + work.written
        return work.result

    def keep(self, changes: Facts) -> None:
        """Commit changes of facts in one transaction. Raises as ``commit``."""
        with self._transaction():
            self._change_facts(changes)

    def _change_facts(self, changes: Facts) -> None:
        gone = [key for key, value in changes.items() if value is None]
        new = [(*key, value) for key, value in changes.items() if value is not None]
        self._db.executemany("DELETE FROM facts WHERE kind = ? AND key = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", new)
        self._since_checkpoint += _PAGES_A_COMMIT + len(changes)

    def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        """Empty entries and change facts, in one transaction. Raises as ``commit``."""
        record = self.rooms[room]
        empty = "UPDATE messages SET nick = '', text = '', action = 0 WHERE room = ? AND seq = ?"
        with self._transaction():
            self._db.executemany(empty, [(record.id, seq) for seq in seqs])
            self._change_facts(facts)
        self._since_checkpoint += len(seqs)
        if self._rebuild is not None:
            self._rebuild.changed(record.id, seqs)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
            self.check_files()  # afterwards: what went into a file without a name must not be acknowledged
        except BaseException:
            self._roll_back()
            raise

    def check_files(self) -> None:
        """Insist that what was committed is in files that the next start will find.

        Raises:
            JournalLost: one of them was removed or replaced. What was in a removed WAL is in the database now.
        """
        if identity(self.path) != self._db.file:
            raise JournalLost("its file was removed or replaced while it was open")
        wal = identity(wal_path(self.path))
        if self._wal is None:
            self._wal = wal
        elif wal != self._wal:
            self.checkpoint()  # the connection still has it: save what was acknowledged
            raise JournalLost("its write-ahead log was removed or replaced while it was open")

    def _roll_back(self) -> None:
        if not self._db.in_transaction:  # some errors have done so already
            return
        try:
            self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise JournalLost(f"a transaction could not be taken back: {error}") from error

    # --- trimming

    def _delete(self, record: RoomRecord, first: int, ids_first: int, limit: int) -> None:
        with self._transaction():
            self._db.execute("DELETE FROM messages WHERE room = ? AND seq < ?", (record.id, first))
            self._db.execute("DELETE FROM ids WHERE room = ? AND seq < ?", (record.id, ids_first))
            self._db.execute("UPDATE rooms SET first = ? WHERE id = ?", (first, record.id))
        self.free_space.more = True
        self._since_checkpoint += limit // 8

    def _times(
        self, table: Aged, record: RoomRecord, before: int, latest: float, limit: int
    ) -> Iterable[tuple[int, float]]:
        name = "messages" if table == "entries" else table
        query = f"SELECT seq, time FROM {name} WHERE room = ? AND seq < ? AND time <= ? ORDER BY seq LIMIT ?"  # noqa: S608 — one of two
        return self._db.execute(query, (record.id, before, latest, limit))

    # --- upkeep

    @property
    def checkpoint_due(self) -> bool:
        """Whether the WAL is long enough to be written back."""
        return self._since_checkpoint >= self.checkpoint_after

    def checkpoint(self) -> None:
        """Write the WAL back into the database and sync it. The WAL then starts over.

        SQLite's automatic checkpoint is off: it ignores a failed fsync, and its next run would empty the WAL although
        the kernel has dropped pages that it could not write.
        """
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._since_checkpoint = 0

    def request_checkpoint(self) -> None:
        """Make a checkpoint due: a WAL that starts over needs no new space on a full disk."""
        self._since_checkpoint = self.checkpoint_after

    def rebuild(self, between: Callable[[], None]) -> None:
        """Copy everything that is kept into a new file, and go on with that. Calls ``between`` as ``copy_to``.

        Raises:
            sqlite3.Error, OSError: the new file can't be written; the old one is unchanged.
            ChatError: the old file is damaged.
        """
        self._rebuild = rebuild = Rebuild(self._db, self.path)
        try:
            rebuild.run(self.rooms, between)
            self._db, refused = rebuild.take_place(self._db, self.durability)
            self._wal, self._since_checkpoint = None, 0
            if refused is not None:
                raise refused
        finally:
            self._rebuild = None
            rebuild.close()

    def shrink(self) -> bool:
        """Give a piece of unused space back to the file system, once there is much of it; return whether it did."""
        moved = self.free_space.release(self._db)
        self._since_checkpoint += moved
        if moved and not self.free_space.more:  # the file gets shorter when the WAL is written back
            self.request_checkpoint()
        return moved > 0

    def copy_to(self, target: Path, between: Callable[[], None]) -> None:
        """Copy the database in pieces, and call ``between`` after each, which may commit and read.

        The copy has what is committed at its end: SQLite copies what the same connection writes meanwhile.
        """
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            copy.execute("PRAGMA synchronous = OFF")  # backup.py syncs it once, in another thread
            self._db.backup(copy, pages=_BACKUP_PAGES, progress=lambda *_: between())
        finally:
            copy.close()


def mark_as_copy(db: sqlite3.Connection, generation: str = "") -> None:
    """Set a generation that no stamp file has: the database gets new epochs when it is opened."""
    db.execute("UPDATE meta SET generation = ?", (generation,))
