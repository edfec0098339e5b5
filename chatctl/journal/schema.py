"""The journal's file: opening it, its tables, migrations.

Lives here: everything that happens to the file before the first message. Does not live here: reading and writing
messages (store.py), whether an older copy took its place (rollback_check.py).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from chatctl.common.file_reads import absence
from chatctl.common.files import create_file, insist_on_own, private_folder
from chatctl.common.text import clean
from chatctl.errors import ChatError
from chatctl.journal.sqlite_errors import damaged, in_use, not_ours, open_error

Durability = Literal["os", "disk"]
_Definition = tuple[str, ...]
"""Type, name, table and statement of one object of a schema."""

APPLICATION_ID = 0x63687463
"""``chtc`` in the file's header: ``file rooms.db`` shows it."""

_BUSY_SECONDS = 0.2
"""How long to wait for a lock. A journal is never shared: only a server that is just ending gives it up."""

_SMALLEST = 512
"""Bytes of the smallest database. SQLite takes a smaller file for an empty one and overwrites it."""

NEW_FILE = "PRAGMA auto_vacuum = INCREMENTAL;"
"""What has to be said before a new file's first table: unused pages can be given back. No effect on one that exists."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # generation identifies this file, epoch a room's log: both are renewed when an older copy takes its place.
        "CREATE TABLE meta (one INTEGER PRIMARY KEY CHECK (one = 1), generation TEXT NOT NULL)",
        "INSERT INTO meta VALUES (1, lower(hex(randomblob(16))))",
        # A probe writes this row: its commit is a real one and stores nothing.
        "CREATE TABLE probe (one INTEGER PRIMARY KEY CHECK (one = 1), tick INTEGER NOT NULL)",
        "INSERT INTO probe VALUES (1, 0)",
        # first: the oldest seq that is kept. The newest is that of the newest message, or first - 1 without any.
        "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL,"
        " first INTEGER NOT NULL DEFAULT 1)",
        "CREATE TABLE messages (room INTEGER NOT NULL REFERENCES rooms, seq INTEGER NOT NULL, time REAL NOT NULL,"
        " nick TEXT NOT NULL, text TEXT NOT NULL, action INTEGER NOT NULL, PRIMARY KEY (room, seq)) WITHOUT ROWID",
        # token: hash of the sender's. time: of the message; the receipt of a repeat has it.
        "CREATE TABLE ids (room INTEGER NOT NULL REFERENCES rooms, token BLOB NOT NULL, id TEXT NOT NULL,"
        " seq INTEGER NOT NULL, time REAL NOT NULL, PRIMARY KEY (room, token, id)) WITHOUT ROWID",
        "CREATE INDEX ids_by_seq ON ids (room, seq)",
    ),
    (
        # What a server remembers beside messages: owners of names, bans, topics.
        "CREATE TABLE facts (kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, key))"
        " WITHOUT ROWID",
    ),
    (
        # Earlier epochs of a room: entries 1 to last were the same under that one. A later row is of a later epoch.
        "CREATE TABLE ends (room INTEGER NOT NULL REFERENCES rooms, epoch TEXT NOT NULL, last INTEGER NOT NULL,"
        " PRIMARY KEY (room, epoch))",
    ),
)
"""The statements of each migration. ``user_version`` counts those that were applied to a file."""


class Connection(sqlite3.Connection):
    """A connection to a journal. At most one of this process has a file open."""

    file: tuple[int, int] | None = None
    """Device and inode of its file."""

    open_files: ClassVar[set[tuple[int, int]]] = set()

    def close(self) -> None:
        """Close the connection; the file may then be opened again."""
        super().close()
        self.open_files.discard(self.file or (0, 0))


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file; None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 — once a commit: half the time of Path.stat
    except OSError:
        return None
    return status.st_dev, status.st_ino


def wal_path(path: Path) -> Path:
    """Return the path of a journal's write-ahead log."""
    return path.with_name(path.name + "-wal")


def unfinished_path(path: Path) -> Path:
    """Return the name of a copy (sqlite_transfer.py) until it is complete."""
    return path.with_name(path.name + ".copying")


def discard_second_name(path: Path) -> None:
    """Remove the name that a copy had until it was complete, if its file still has it. Raises OSError."""
    if identity(path) is not None and identity(unfinished_path(path)) == identity(path):
        unfinished_path(path).unlink(missing_ok=True)


def connect(
    path: Path, durability: Durability = "disk", *, check: bool = True, wait: float = _BUSY_SECONDS
) -> Connection:
    """Open a journal's file for this process alone, create it if it does not exist, and migrate its schema.

    The connection may be handed to another thread; no two threads may use it at once. Without ``check`` the file's
    soundness is not checked (a second for each GiB). Waits ``wait`` seconds for whoever has it open.

    Raises:
        ChatError: it is in use, damaged, not a journal, or of a newer chatctl. Its content was not changed.
    """
    if identity(path) in Connection.open_files:
        raise in_use(path)
    try:
        _make(path)
        _insist_on_files(path)
        _put_foreign_wal_aside(path)
        db = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False, factory=Connection)
    except (sqlite3.Error, OSError) as error:
        raise open_error(path, error) from None
    db.file = identity(path)
    if db.file is not None:
        Connection.open_files.add(db.file)
    with closed_on_error(db, path):
        _prepare(db, path, durability, check=check)
        if path.stat().st_mode & 0o077:  # a copy that was put here, say
            path.chmod(0o600)
    return db


@contextlib.contextmanager
def closed_on_error(db: Connection, path: Path) -> Iterator[None]:
    """Close a connection if the block fails. Raises ChatError for errors of SQLite and the file."""
    try:
        yield
    except BaseException as error:
        db.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise open_error(path, error) from None
        raise


def _make(path: Path) -> None:
    """Create the file (0600), and its folder (0700), if they do not exist."""
    private_folder(path.parent, durable=True)
    try:
        create_file(path, b"", durable=True)
    except FileExistsError:
        if 0 < path.stat().st_size < _SMALLEST and path.is_file():
            raise not_ours(path) from None


def insist_on_journal(path: Path) -> None:
    """Return if there is a file at ``path``. Raises ChatError."""
    error = absence(path)
    if isinstance(error, FileNotFoundError):
        raise ChatError(f"there is no journal {path}")
    if error is not None:
        raise open_error(path, error)


def _insist_on_files(path: Path) -> None:
    """Return if SQLite may open a journal: what it opens is no pipe, no device and no other user's. Raises OSError."""
    insist_on_own(path)
    for file in files_of(path):
        insist_on_own(file)


def files_of(path: Path) -> list[Path]:
    """Return the files that SQLite opens for a journal, and which need not exist: it follows links first."""
    real = path.resolve()
    return [real.with_name(real.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def _put_foreign_wal_aside(path: Path) -> None:
    """Rename the WAL of a killed server if a backup was put in its database's place.

    SQLite replays any WAL beside the file. A backup is not in WAL mode, a journal always is: bytes 18 and 19 of the
    header (https://www.sqlite.org/fileformat.html, 1.3). Reading them is safe only while this process does not have the
    file open: closing it drops the locks that SQLite holds (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    wal = wal_path(path)
    if not wal.exists():
        return
    with path.open("rb") as file:
        header = file.read(72)
    if header[18:20] == b"\x01\x01" and header[68:72] == APPLICATION_ID.to_bytes(4, "big"):
        wal.replace(wal.with_name(wal.name + ".old"))


def _prepare(db: sqlite3.Connection, path: Path, durability: Durability, *, check: bool) -> None:
    db.execute("PRAGMA locking_mode = EXCLUSIVE")  # before the first access: then the WAL needs no shared memory
    version = _check(db, path, whole=check)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute(NEW_FILE)
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA mmap_size = 0")
    db.execute("PRAGMA cache_size = -16384")
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise ChatError(f"cannot open the journal {path}: its file system can't hold a write-ahead log")
    db.execute(f"PRAGMA synchronous = {'FULL' if durability == 'disk' else 'NORMAL'}")
    db.execute("PRAGMA fullfsync = ON")  # macOS: its plain fsync stops at the drive's cache
    db.execute("PRAGMA checkpoint_fullfsync = ON")
    db.execute("PRAGMA wal_autocheckpoint = 0")  # it would ignore a failed fsync; store.py makes checkpoints
    db.execute(f"PRAGMA journal_size_limit = {128 << 20}")
    _migrate(db, version)


def _check(db: sqlite3.Connection, path: Path, *, whole: bool) -> int:
    """Return the schema's version. Refuse a file that is not a journal before a byte of it is changed."""
    version = check_schema(db, path)
    if not whole:
        return version
    [(verdict,)] = db.execute("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise damaged(path, " ".join(str(verdict).split()))
    _insist_on_types(db, path)
    return version


def check_schema(db: sqlite3.Connection, path: Path) -> int:
    """Return the version of a journal's schema, 0 for an empty file. Nothing of its content is read.

    A view in the place of a table may have no end, a trigger or a generated column runs what its author wants: all that
    is defined in the file has to be what our own statements define, to the letter.

    Raises:
        ChatError: it is no journal, of a newer chatctl, or something else is defined in it.
    """
    [(application,)] = db.execute("PRAGMA application_id")
    [(version,)] = db.execute("PRAGMA user_version")
    found = _definitions(db)
    if application != APPLICATION_ID and (application or version or found):
        raise not_ours(path)
    if version > len(MIGRATIONS):
        raise ChatError(
            f"the journal {path} was written by a newer chatctl (schema {version}, this one knows {len(MIGRATIONS)}): "
            "update chatctl, or name another file with --journal"
        )
    if strange := found ^ defined_by(int(version)):
        raise damaged(path, f"'{clean(min(strange)[1])[:40]}' is not as chatctl defines it")
    return int(version)


def _insist_on_types(db: sqlite3.Connection, path: Path) -> None:
    """Refuse values of another type than their column's: SQLite stores them, we don't (0.5 s a million rows)."""
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = db.execute(f"PRAGMA table_info({table})").fetchall()
        wrong = " OR ".join(f"typeof({name}) <> '{kind.lower()}'" for _, name, kind, *_ in columns if kind)
        if db.execute(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1").fetchone():  # noqa: S608 — of our own schema
            raise damaged(path, f"a value in {table} is not of its column's type")


def defined_by(version: int) -> set[_Definition]:
    """Return what the statements of the first migrations define."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for statements in MIGRATIONS[:version]:
            for statement in statements:
                db.execute(statement)
        return _definitions(db)


def _definitions(db: sqlite3.Connection) -> set[_Definition]:
    return {tuple(map(str, row)) for row in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")}


def _migrate(db: sqlite3.Connection, version: int) -> None:
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
