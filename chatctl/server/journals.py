"""The journal that a server's options name: opened, with what is logged about it.

Does not live here: the journals (journal/), when one is opened and closed (program.py).
"""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.hub.event_log import Log
from chatctl.journal.memory import ID_BYTES, IDS_KEPT, MemoryJournal
from chatctl.journal.rollback_check import stamp_path
from chatctl.journal.sqlite import Durability, SqliteJournal, sqlite_defect
from chatctl.journal.threaded import ThreadedJournal
from chatctl.server.options import ServeOptions

if TYPE_CHECKING:
    from chatctl.journal.postgres.journal import PostgresJournal

AnyJournal = ThreadedJournal[Any] | MemoryJournal
OnFatal = Callable[[ChatError], None]


def open_journal(options: ServeOptions, on_fatal: OnFatal, log: Log) -> AnyJournal:
    """Open the journal. ``on_fatal`` is called once, with the error that the server has to end with.

    Raises:
        ChatError: it can't be used.
    """
    if options.journal is None:
        return MemoryJournal(min(IDS_KEPT, options.limits.memory // ID_BYTES))
    if isinstance(options.journal, PostgresPlace):
        journal: ThreadedJournal[Any] = _in_postgres(options, options.journal, on_fatal, log)
    else:
        journal = _in_file(options, options.journal, on_fatal, log)
    if journal.renewed:
        log.warning("the rooms of the journal have new epochs", why=journal.renewed)
    return journal


def _in_file(options: ServeOptions, path: Path, on_fatal: OnFatal, log: Log) -> SqliteJournal:
    durability: Durability = "os" if options.durability == "os" else "disk"
    journal = SqliteJournal(
        path,
        durability=durability,
        keep_messages=options.keep_messages,
        keep_days=options.keep_days,
        max_bytes=options.max_journal,
        on_fatal=on_fatal,
        on_held=_held(log),
    )
    log.info("journal", path=str(path), durability=durability, sqlite=sqlite3.sqlite_version)
    if defect := sqlite_defect():
        log.debug(defect)
    return journal


def _in_postgres(options: ServeOptions, place: PostgresPlace, on_fatal: OnFatal, log: Log) -> PostgresJournal:
    from chatctl.journal.postgres import extra  # a server with a file loads none of it

    with extra():
        from chatctl.journal.postgres.journal import PostgresJournal

    def changed(why: str | None, durability: str) -> None:
        if why is not None:
            log.error("the journal can't be used", why=why)
        else:
            log.warning("the journal can be used again", durability=durability)

    def became(fate: str, label: str) -> None:
        if fate == "dead":
            log.warning("another server was declared dead", server=label)
        else:
            log.info(f"another server has {fate}", server=label)

    journal = PostgresJournal(
        place,
        durability=options.durability,
        shared=True,
        label=label_of(options.port),
        keep_messages=options.keep_messages,
        keep_days=options.keep_days,
        on_fatal=on_fatal,
        on_held=_held(log),
        on_engine=changed,
        on_watcher_error=lambda why: log.warning("can't check the other servers; trying again", why=why),
        on_server=became,
    )
    log.info("journal", path=str(place), durability=journal.durability)
    return journal


def label_of(port: int) -> str:
    """Return what operators at other servers call the one that listens here."""
    return f"{socket.gethostname()}:{port}"


def _held(log: Log) -> Callable[[str, int, int], None]:
    return lambda room, old, kept: log.warning(
        "the clock may be wrong: by this clock most of a room is older than --keep-days, and is deleted in an hour; "
        "if the clock is right, 'chatctl admin trim' deletes it now",
        room=room,
        old=old,
        kept=kept,
    )


def remove_unused(journal: SqliteJournal) -> None:
    """Remove a journal that was made for a start that failed. It is still open: no other server can have it."""
    if journal.is_unused:
        wal = journal.path.with_name(journal.path.name + "-wal")
        for path in (journal.path, wal, stamp_path(journal.path)):
            path.unlink(missing_ok=True)
