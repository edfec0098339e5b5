"""Reading the file of a journal that no server has open. Nothing in it is changed. Source: schema.py."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

from chatctl.errors import ConditionNotMet, RoomInvalid
from chatctl.journal.schema import check_schema, files_of, insist_on_journal
from chatctl.journal.sqlite_errors import open_error
from chatctl.journal.transaction import ENTRY_COLUMNS, entry_of
from chatctl.protocol import Msg

_STEPS = 100_000
"""Instructions of SQLite's machine between two looks at the deadline: some milliseconds."""


def read_offline(
    path: Path,
    room: str,
    since: float | None = None,
    until: float | None = None,
    *,
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[Msg]:
    """Yield the entries of a room's log, oldest first; of those, what was said from ``since`` to before ``until``.

    Args:
        path: the journal.
        room: its name.
        is_over: whether the deadline has passed; asked now and then.

    Raises:
        ChatError: there is no such file, it is no journal, or a server has it open.
        RoomInvalid: the journal has no such room.
        ConditionNotMet: the deadline passed.
    """
    insist_on_journal(path)
    try:
        _insist_on_regular(path)
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
            db.set_progress_handler(is_over, _STEPS)
            db.execute("PRAGMA trusted_schema = OFF")
            check_schema(db, path)
            found = db.execute("SELECT id FROM rooms WHERE name = ?", (room,)).fetchone()
            if found is None:
                raise RoomInvalid(f"the journal {path} has no room '{room}'")
            wanted = "room = ? AND (typeof(time) != 'real' OR (time >= ? AND time < ?))"
            bounds = (since if since is not None else -inf, until if until is not None else inf)
            rows = db.execute(
                f"SELECT {ENTRY_COLUMNS} FROM messages WHERE {wanted} ORDER BY seq",  # noqa: S608 — constants
                (*found, *bounds),
            )
            for row in rows:
                yield entry_of(row)
                if is_over():
                    raise ConditionNotMet(f"the deadline passed while {path} was read")
    except (sqlite3.Error, OSError) as error:
        if is_over():
            raise ConditionNotMet(f"the deadline passed while {path} was read") from None
        raise open_error(path, error) from None


def _insist_on_regular(path: Path) -> None:
    """Return if SQLite would open no pipe and no device, which may have no end. Raises OSError."""
    if any(file.exists() and not file.is_file() for file in files_of(path)):
        raise OSError(errno.EINVAL, "it is not a regular file")
