"""Reading the file of a journal that no server has open. Nothing in it is changed. Source: schema.py."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from math import inf
from pathlib import Path

from chatctl.errors import ChatError, RoomInvalid
from chatctl.journal.sqlite_errors import open_error
from chatctl.journal.transaction import ENTRY_COLUMNS, entry_of
from chatctl.protocol import Msg


def read_offline(path: Path, room: str, since: float | None = None, until: float | None = None) -> Iterator[Msg]:
    """Yield the entries of a room's log, oldest first; of those, what was said from ``since`` to before ``until``.

    Raises:
        ChatError: there is no such file, it is no journal, or a server has it open.
        RoomInvalid: the journal has no such room.
    """
    if not path.exists():
        raise ChatError(f"there is no journal {path}")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
            found = db.execute("SELECT id FROM rooms WHERE name = ?", (room,)).fetchone()
            if found is None:
                raise RoomInvalid(f"the journal {path} has no room '{room}'")
            wanted = "room = ? AND time >= ? AND time < ?"
            bounds = (since if since is not None else -inf, until if until is not None else inf)
            rows = db.execute(
                f"SELECT {ENTRY_COLUMNS} FROM messages WHERE {wanted} ORDER BY seq",  # noqa: S608 — constants
                (*found, *bounds),
            )
            yield from map(entry_of, rows)
    except sqlite3.Error as error:
        raise open_error(path, error) from None
