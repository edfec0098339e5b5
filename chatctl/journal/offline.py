"""Reading a journal's file without being its server: nothing in it is changed.

Source: schema.py.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from chatctl.errors import ChatError, RoomInvalid
from chatctl.journal.sqlite_errors import refusal
from chatctl.protocol import Msg


def entries_at_rest(path: Path, room: str) -> Iterator[Msg]:
    """Yield what a room's log holds, oldest first.

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
            rows = db.execute("SELECT seq, time, nick, text, action FROM messages WHERE room = ? ORDER BY seq", found)
            for seq, time, nick, text, action in rows:
                yield Msg(seq=seq, time=time, nick=nick, text=text, action=bool(action))
    except sqlite3.Error as error:
        raise refusal(path, error) from None
