"""The store: what one open journal file holds, and each transaction on it.

Lives here: numbers, ids, pages, trimming, checkpoints: plain calls that block. Does not live here: the thread that
makes them (writer.py), the file's form (schema.py), when to trim (retention.py).
"""

from __future__ import annotations

import contextlib
import ctypes
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chatctl.journal import Draft, Facts
from chatctl.journal.rollback_check import RollbackCheck, boot_id, doubt, stamp_path
from chatctl.journal.schema import Durability, connect, identity
from chatctl.journal.sqlite_errors import JournalLost, damaged, passes, refusal
from chatctl.journal.transaction import Committed, RoomRecord, Transaction, new_epoch
from chatctl.protocol import Msg

CHECKPOINT_AFTER = 10_000
"""Pages, roughly, that the WAL takes (40 MiB) before it is written back into the database."""

_PAGE = 4096
_PAGES_A_COMMIT = 4
_BACKUP_PAGES = 256
"""Pages (1 MiB) of a backup between two commits."""


class Store:
    """An open journal. Every method blocks, and belongs to one thread at a time."""

    def __init__(self, path: Path, durability: Durability = "disk", *, boot: str | None = None) -> None:
        """Open it. ``boot`` names this run of the machine.

        Raises:
            ChatError: see ``schema.connect``; or entries are missing.
        """
        self.path = path
        self.durability = durability
        boot = boot_id() if boot is None else boot
        was_there = identity(path) is not None and path.stat().st_size > 0
        self._db = connect(path, durability)
        try:
            self.renewed = doubt(stamp_path(path), self._generation(), self._total(), boot) if was_there else None
            """Why the rooms have new epochs since it was opened, or None."""
            if self.renewed is not None:
                self._renew()
            self._insist_on_density()
            self.shelves = {shelf.name: shelf for shelf in self._load()}
            self._written = self._total()
            self._stamp = RollbackCheck(stamp_path(path), self._generation(), self._written, durability, boot)
        except (sqlite3.Error, OSError) as error:
            self._db.close()
            raise refusal(path, error) from None
        except BaseException:
            self._db.close()
            raise
        self._next_id = 1 + max((shelf.id for shelf in self.shelves.values()), default=0)
        self._unsaved: list[RoomRecord] = []
        self._since_checkpoint = self._pages_of_wal()  # else the WAL of a server that is killed early grows for ever

    # --- opening and closing

    def _generation(self) -> str:
        return str(self._db.execute("SELECT generation FROM meta").fetchone()[0])

    def _total(self) -> int:
        return sum(shelf.last for shelf in self._load())

    def _load(self) -> Iterator[RoomRecord]:
        newest = "(SELECT max(seq) FROM messages WHERE room = id)"
        for row in self._db.execute(f"SELECT id, name, epoch, first, coalesce({newest}, first - 1) FROM rooms"):  # noqa: S608 — constant
            yield RoomRecord(*row)

    def _insist_on_density(self) -> None:
        """Refuse a log with holes: SQLite finds each page in order, but two files were mixed (0.15 s a million)."""
        rows = "(SELECT room, count(*) AS count, max(seq) AS last FROM messages GROUP BY room)"
        holed = f"SELECT name FROM {rows} JOIN rooms ON room = id WHERE count <> last - first + 1"  # noqa: S608 — constant
        if row := self._db.execute(holed).fetchone():
            raise damaged(self.path, f"room {row[0]} has holes")

    def _pages_of_wal(self) -> int:
        """Give how many pages the WAL has at most: what a killed server left is in it, or in a part that is over."""
        with contextlib.suppress(OSError):
            return self.path.with_name(self.path.name + "-wal").stat().st_size // _PAGE
        return 0

    def _renew(self) -> None:
        """Give the log and each of its rooms a new name: what it was called may go on elsewhere, or had a tail."""
        with self._transaction():
            mark_as_copy(self._db, secrets.token_hex(16))
            for shelf in list(self._load()):
                self._db.execute("UPDATE rooms SET epoch = ? WHERE id = ?", (new_epoch(), shelf.id))

    def close(self) -> None:
        """Write the WAL back and close the file. If there is no room for that, the next start does it.

        Raises:
            sqlite3.Error: nobody knows what was written back. The file is still open: ``abandon`` it.
        """
        try:
            self.checkpoint()
        except sqlite3.Error as error:
            if not passes(error):
                raise
            self._db.close()
            self._stamp.leave()
        else:
            self._db.close()
            self._stamp.finish(self._written)

    def abandon(self) -> None:
        """Leave the file as it is, as a killed process would; it stays open, and locked, until this one ends.

        To close it would write the WAL back and remove it. After an fsync that failed, the next one reports success for
        pages that the kernel has dropped: what the WAL holds safely would be lost. Python 3.11 has no way to close
        without that, and its exit closes what is still referred to: hence the reference that nobody holds.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._db))
        self._stamp.leave()

    # --- writing

    def add_room(self, name: str, epoch: str) -> None:
        """Take a new room; the next transaction that succeeds keeps it."""
        shelf = self.shelves[name] = RoomRecord(self._next_id, name, epoch)
        self._next_id += 1
        self._unsaved.append(shelf)

    def commit(self, batches: Sequence[Sequence[Draft]]) -> Committed:
        """Write batches, and rooms that are new, in one transaction. Their rooms must be known.

        Raises:
            sqlite3.Error: nothing was written; or nobody knows, see ``trouble.ends``.
        """
        work = Transaction(self._db, self.shelves)
        with self._transaction():
            self._db.executemany("INSERT INTO rooms VALUES (?, ?, ?, 1)", self._unsaved_rows())
            for batch in batches:
                work.result.receipts.append([work.take(draft) for draft in batch])
            work.finish()
        self._unsaved.clear()
        for name, entries in work.result.entries.items():
            self.shelves[name].last = entries[-1].seq
            self._written += len(entries)
        self._stamp.advance(self._written)
        self._since_checkpoint += _PAGES_A_COMMIT + len(work.rows)
        return work.result

    def keep(self, changes: Facts) -> None:
        """Write changes of facts in one transaction. Raises as ``commit``."""
        gone = [key for key, value in changes.items() if value is None]
        new = [(*key, value) for key, value in changes.items() if value is not None]
        with self._transaction():
            self._db.executemany("DELETE FROM facts WHERE kind = ? AND key = ?", gone)
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", new)
        self._since_checkpoint += _PAGES_A_COMMIT + len(changes)

    def _unsaved_rows(self) -> list[tuple[int, str, str]]:
        return [(shelf.id, shelf.name, shelf.epoch) for shelf in self._unsaved]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            if identity(self.path) != self._db.file:
                raise JournalLost("its file was removed or replaced while it was open")
            self._db.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if not self._db.in_transaction:  # some errors have done so already
            return
        try:
            self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise JournalLost(f"a transaction could not be taken back: {error}") from error

    # --- reading

    def read(self, room: str, after: int, limit: int) -> list[Msg]:
        """Give at most ``limit`` entries that follow ``after`` and are kept."""
        shelf = self.shelves.get(room)
        if shelf is None or limit <= 0:
            return []
        rows = self._db.execute(
            "SELECT seq, time, nick, text, action FROM messages WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?",
            (shelf.id, after, limit),
        )
        return [Msg(seq, time, nick, text, bool(action)) for seq, time, nick, text, action in rows]

    def facts(self) -> dict[tuple[str, str], str]:
        """Give all facts."""
        return {(kind, key): value for kind, key, value in self._db.execute("SELECT kind, key, value FROM facts")}

    # --- trimming

    def trim(self, shelf: RoomRecord, keep_from: int, older: float | None, ids_older: float, limit: int) -> bool:
        """Drop at most ``limit`` of a room's oldest entries, and of the ids that nobody asks for any more.

        Args:
            shelf: the room.
            keep_from: every entry before this seq goes.
            older: and those from the front on whose time is before this; None: no such limit.
            ids_older: ids go once their entry did, if their time is before this.
            limit: entries and ids in this piece.

        Returns:
            Whether there is more to drop.
        """
        first = shelf.first
        if older is not None:
            first = self._run_of("messages", shelf, shelf.last + 1, older, limit) or first
        first = min(max(first, keep_from), shelf.first + limit, shelf.last + 1)
        ids_first = self._run_of("ids", shelf, first, ids_older, limit)
        if first == shelf.first and ids_first is None:
            return False
        with self._transaction():
            self._db.execute("DELETE FROM messages WHERE room = ? AND seq < ?", (shelf.id, first))
            self._db.execute("DELETE FROM ids WHERE room = ? AND seq < ?", (shelf.id, ids_first or 0))
            self._db.execute("UPDATE rooms SET first = ? WHERE id = ?", (first, shelf.id))
        shelf.first = first
        self._since_checkpoint += limit // 8
        return True

    def _run_of(self, table: str, shelf: RoomRecord, before: int, older: float, limit: int) -> int | None:
        """Give the seq behind the run of old rows at a table's front, or None if not even the first one is old."""
        end = None
        query = f"SELECT seq, time FROM {table} WHERE room = ? AND seq < ? ORDER BY seq LIMIT ?"  # noqa: S608 — one of two
        for seq, time in self._db.execute(query, (shelf.id, before, limit)):
            if time >= older:
                break
            end = seq + 1
        return end

    # --- upkeep

    @property
    def checkpoint_due(self) -> bool:
        """Whether the WAL has grown so long that it should be written back."""
        return self._since_checkpoint >= CHECKPOINT_AFTER

    def checkpoint(self) -> None:
        """Write the WAL back into the database, synced. The WAL then starts over.

        Not left to SQLite's automatic one, which swallows a failed fsync and would empty the WAL at its next turn,
        when the kernel has dropped the pages that it could not write.
        """
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._since_checkpoint = 0

    def press_for_checkpoint(self) -> None:
        """Have one made soon: a WAL that starts over needs no room on a full disk."""
        self._since_checkpoint = CHECKPOINT_AFTER

    def copy_to(self, target: Path, between: Callable[[], None]) -> None:
        """Copy the database as it stands at the end, a piece at a time; ``between`` may commit and read meanwhile.

        SQLite takes what the same connection writes meanwhile over into the copy.
        """
        copy = sqlite3.connect(target, isolation_level=None)
        try:
            copy.execute("PRAGMA synchronous = OFF")  # backup.py syncs it once, in another thread
            self._db.backup(copy, pages=_BACKUP_PAGES, progress=lambda *_: between())
        finally:
            copy.close()


def mark_as_copy(db: sqlite3.Connection, generation: str = "") -> None:
    """Make a database one that no stamp knows: it gets new epochs when it is opened."""
    db.execute("UPDATE meta SET generation = ?", (generation,))
