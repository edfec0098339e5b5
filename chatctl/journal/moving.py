"""Moving a journal from a file into a database, or back: which ends a transfer has.

Does not live here: the transfer (transfer.py), its ends (sqlite_transfer.py, postgres/transfer.py).
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.sqlite_transfer import SqliteSource, SqliteTarget
from chatctl.journal.transfer import Advance, State, transfer

Ends: TypeAlias = tuple[Path, PostgresPlace] | tuple[PostgresPlace, Path]
"""Where from, and where to."""


def move(ends: Ends, advance: Advance = lambda *_: None) -> State:
    """Copy a journal that no server has open into a new one, in which its log goes on; return what there was.

    The source stays, and gets new epochs when it is opened again.

    Args:
        ends: of different kinds.
        advance: called after each piece.

    Raises:
        ChatError: one of the two can't be used. What was copied by then is gone on with by the same call.
    """
    from chatctl.journal.postgres import extra

    with extra():
        from chatctl.journal.postgres.transfer import PostgresSource, PostgresTarget
    if isinstance(ends[0], PostgresPlace):
        source: SqliteSource | PostgresSource = PostgresSource(ends[0])
        target: SqliteTarget | PostgresTarget = SqliteTarget(Path(ends[1]))
    else:
        source, target = SqliteSource(ends[0]), PostgresTarget(ends[1])
    with closing(source), closing(target):
        state = transfer(source, target, advance)
        source.leave()
    return state
