"""Finding where to start in a room's log: at an entry, or at the first one since a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chatctl.client.io.blocking_connection import Connection, ConnectionEnded, Deadline
from chatctl.errors import from_wire
from chatctl.protocol import Bye, Error, History, Msg, Page, Resume

PAGE = 100
"""Entries that are looked through at once. A server takes 30 questions in a row: enough for any log."""

Ask = Callable[[int, int], list[Msg]]
"""Gives at most so many (second) entries after a seq (first)."""


class Since(NamedTuple):
    """Entry number ``seq``, or the first one said at ``time`` (Unix seconds) or later."""

    seq: int | None = None
    time: float | None = None


def seek(connection: Connection, since: Since, deadline: Deadline) -> Resume:
    """Give the place right before ``since``; the log's end if that is still to come.

    Raises:
        ChatError: the server could not read it, or as ``Connection.receive``.
    """
    welcome = connection.welcome
    if since.time is not None:

        def ask(after: int, limit: int) -> list[Msg]:
            return _page(connection, after, limit, deadline)

        after = before_moment(since.time, welcome.first, welcome.last, ask)
    else:
        after = min(max((since.seq or 0) - 1, 0), welcome.last)
    return Resume(welcome.epoch, after)


def before_moment(moment: float, first: int, last: int, ask: Ask) -> int:
    """Give the seq before the first entry of ``first`` to ``last`` that was said at ``moment`` or later.

    It halves the log until a page holds the rest: the clock of the server is taken to have gone forwards.
    """
    low, high = first, last + 1  # the entry wanted is one of low…high; high itself is known to be late enough
    while high - low > PAGE:
        middle = (low + high) // 2
        found = ask(middle - 1, 1)
        if not found or found[0].seq > middle:  # trimmed meanwhile: what is kept begins behind it
            low = min(found[0].seq, high) if found else high
        elif found[0].time < moment:
            low = middle + 1
        else:
            high = middle
    late = (entry.seq for entry in ask(low - 1, high - low) if entry.time >= moment) if high > low else iter(())
    return next(late, high) - 1


def _page(connection: Connection, after: int, limit: int, deadline: Deadline) -> list[Msg]:
    connection.send(History(limit=limit, after=after), deadline)
    while not isinstance(frame := connection.receive(deadline), Page):
        if isinstance(frame, Error):
            raise from_wire(frame.code, frame.text, frame.retry_after)
        if isinstance(frame, Bye):
            raise ConnectionEnded(f"the server said bye: {frame.why}", retry_after=frame.retry_after)
    return frame.entries
