"""What the journal's tests share: drafts, waiting for an answer, and a child process that writes."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import StorageFailed
from chatctl.journal import Draft, Receipt
from chatctl.journal.memory import MemoryJournal
from chatctl.journal.sqlite import SqliteJournal
from chatctl.journal.threaded import ThreadedJournal

T = TypeVar("T")
Place = Path | PostgresPlace | None
"""Where a journal is kept; None: in memory."""
AnyJournal = ThreadedJournal[Any]
DEADLINE = 20.0
ROOM = "lobby"
ALICE = b"a" * 32
BOB = b"b" * 32

Outcome = Sequence[Receipt] | StorageFailed


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, DEADLINE))


def draft(text: str = "hi", **fields: Any) -> Draft:
    return Draft(**{"room": ROOM, "time": 1_700_000_000.5, "nick": "Rajat", "text": text} | fields)


def open_journal(place: Place, **options: Any) -> Any:
    """Open the journal of the kind that is kept there."""
    if place is None:
        return MemoryJournal(**options)
    if isinstance(place, Path):
        return SqliteJournal(place, **options)
    from chatctl.journal.postgres.journal import PostgresJournal  # psycopg takes its time

    return PostgresJournal(place, **options)


@asynccontextmanager
async def opened(place: Place, **options: Any) -> AsyncIterator[Any]:
    journal = open_journal(place, **options)
    try:
        yield journal
    finally:
        if place is not None:
            await journal.close()


def send(journal: AnyJournal, *drafts: Draft) -> asyncio.Future[Outcome]:
    answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    journal.append(drafts, answer.set_result)
    return answer


async def say(journal: AnyJournal, *drafts: Draft) -> Sequence[Receipt]:
    outcome = await send(journal, *drafts)
    assert not isinstance(outcome, StorageFailed), outcome.text
    return outcome


async def trim(journal: AnyJournal) -> None:
    """Delete what is no longer kept now, not within the next minute."""
    retention = journal._writer._retention
    await journal._run(retention.check)
    while await journal._run(lambda _: retention.wait() == 0):
        pass  # each iteration of the writer deletes a piece


async def seqs(journal: AnyJournal, *drafts: Draft) -> list[int | None]:
    return [receipt.seq for receipt in await say(journal, *drafts)]


async def texts(journal: AnyJournal, room: str = ROOM) -> list[str]:
    entries = await journal.read(room, 0, 1_000_000)
    first = journal.head(room).first
    assert [entry.seq for entry in entries] == list(range(first, first + len(entries)))
    return [entry.text for entry in entries]


async def on_thread(journal: AnyJournal, work: Callable[[Any], T]) -> T:
    """Call something with the writer's connection, on the writer's thread."""
    return await journal._run(lambda store: work(store._db))


async def on_store(journal: AnyJournal, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on the writer's thread, and return its rows; ``{}`` stands for the schema and its dot."""
    schema = "" if isinstance(journal, SqliteJournal) else f"{journal.place.schema}."  # type: ignore[attr-defined]
    rows = await on_thread(journal, lambda db: db.execute(statement.replace("{}", schema)))
    return rows.fetchall()  # type: ignore[no-any-return]


async def rooms_stored(journal: AnyJournal) -> list[str]:
    return sorted(name for (name,) in await on_store(journal, "SELECT name FROM {}rooms"))


async def ids_stored(journal: AnyJournal) -> int:
    [(stored,)] = await on_store(journal, "SELECT count(*) FROM {}ids")
    return int(stored)


@asynccontextmanager
async def held(journal: AnyJournal) -> AsyncIterator[None]:
    """Have the writer's thread wait until the block is left: all that is put meanwhile waits in its queue."""
    started, gate = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        started.set()
        gate.wait(DEADLINE)

    waiting = asyncio.wrap_future(journal._writer.submit(wait))
    await asyncio.to_thread(started.wait, DEADLINE)
    try:
        yield
    finally:
        gate.set()
        await waiting


def reopen(place: Place, **options: Any) -> tuple[str, list[str], str | None]:
    """Open, look and close: the lobby's epoch, its texts, why its epoch is new."""

    async def main() -> tuple[str, list[str], str | None]:
        async with opened(place, **options) as journal:
            return journal.head(ROOM).epoch, await texts(journal), journal.renewed

    return run(main())


def facts(place: Place) -> dict[tuple[str, str], str]:
    """Open, look and close: the facts."""

    async def main() -> dict[tuple[str, str], str]:
        async with opened(place) as journal:
            return dict(journal.facts())

    return run(main())


def write(place: Place, *words: str, **options: Any) -> str:
    """Open, say each word and close: the lobby's epoch."""

    async def main() -> str:
        async with opened(place, **options) as journal:
            await say(journal, *map(draft, words))
            return journal.head(ROOM).epoch

    return run(main())


CHILD = """
import asyncio, os, sys
from pathlib import Path
from chatctl.journal import Draft
from chatctl.journal.memory import MemoryJournal
from chatctl.journal.sqlite import SqliteJournal

path, durability, start = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

async def main():
    journal = SqliteJournal(path, durability=durability)
    epoch = journal.follow("lobby", lambda entries: None).epoch
    wal = path.with_name(path.name + "-wal")
    print("epoch", epoch, flush=True)
    count = start
    def acknowledged(receipts):
        nonlocal count
        for receipt in receipts:
            os.write(1, b"%d %d\\n" % (receipt.seq, wal.stat().st_size))
        count += 1
        append()
    def append():
        ident = str(count)
        draft = Draft("lobby", 1.0, "Rajat", "message " + ident, token=b"t" * 32, id=ident, seq_fact=("seq", ident))
        journal.append([draft], acknowledged)
    append()
    await asyncio.Event().wait()

asyncio.run(main())
"""
"""Says "message N" with the id N and a fact of its seq, one after the other; prints the seq of each acknowledgement and
the WAL's size."""


@contextmanager
def child(path: Path, durability: str, start: int = 1) -> Iterator[subprocess.Popen[str]]:
    """A process that writes until it is killed."""
    command = [sys.executable, "-c", CHILD, str(path), durability, str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def disk_error(code: int, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


class Faulty:
    """A connection whose statements fail on demand."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.fail: Callable[[str], sqlite3.Error | None] = lambda _: None

    def __getattr__(self, name: str) -> object:
        return getattr(self._db, name)

    def execute(self, statement: str, *args: object) -> sqlite3.Cursor:
        if error := self.fail(statement):
            raise error
        return self._db.execute(statement, *args)


def failing(part: str, code: int, name: str) -> Callable[[str], sqlite3.Error | None]:
    return lambda statement: disk_error(code, name) if part in statement else None
