"""Unused space of the database: much of it is given back to the file system, in pieces.

SQLite uses it for new rows first; only what deleted rows leave beyond that is given back. Does not live here: what is
deleted (retention.py).
"""

from __future__ import annotations

import sqlite3

_INCREMENTAL = 2
"""The value of ``auto_vacuum`` of journals that can give space back. Older ones get it by a rebuild."""
_SPARE = 256
"""Unused pages (1 MiB) that a file keeps: it will need them again. Large ones keep a tenth."""
_PIECE = 256
"""Pages that are given back between two commits."""


class FreeSpace:
    """Decides how much is given back."""

    def __init__(self) -> None:
        """Look soon."""
        self.more = True
        """Whether there may be something to give back: set it after deleting."""
        self.max_pages: int | None = None
        """Pages that the database should have at most; None: no limit."""

    def release(self, db: sqlite3.Connection) -> int:
        """Give a piece back; return how many pages. Raises sqlite3.Error."""
        if not self.more:
            return 0
        [(mode,)], [(pages,)] = db.execute("PRAGMA auto_vacuum"), db.execute("PRAGMA page_count")
        [(unused,)] = db.execute("PRAGMA freelist_count")
        excess = unused - max(_SPARE, pages // 10)
        if self.max_pages is not None:
            excess = max(excess, min(unused, pages - self.max_pages))
        piece = min(excess, _PIECE) if mode == _INCREMENTAL else 0
        if piece > 0:
            db.executescript(f"PRAGMA incremental_vacuum({piece})")  # execute would stop after one page
        self.more = piece > 0 and excess > piece
        return max(0, piece)
