"""Requests on a connection that the server let us in on, and their answers: the roster, pages of the log.

Does not live here: connecting (io/). On a BlockingConnection, run these with ``drive`` and ``each``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from chatctl.client.core.features import require_feature
from chatctl.client.core.request import request
from chatctl.protocol import History, Msg, Page, Resume, RoomList, RoomRow, Rooms, Roster, Who

if TYPE_CHECKING:
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import OpenConnection

SEEK_PAGE = 100
"""Entries of the page that ends a search. A server accepts 30 requests in a row: enough for any log."""

ANSWER_SECONDS = 60.0
"""How long a server may take for one page of a long log, if no deadline says otherwise."""

ReadLog = Callable[[int, int], Awaitable[list[Msg]]]
"""Returns the entries after a seq (first argument), at most so many (second)."""


class Since(NamedTuple):
    """A position to start at: entry number ``seq``, or the first entry at ``time`` (Unix seconds) or later."""

    seq: int | None = None
    time: float | None = None


async def roster(connection: OpenConnection, deadline: Deadline) -> Roster:
    """Return who is in the room. Raises as ``request``."""
    return await request(connection, Who(), Roster, deadline)


async def rooms(connection: OpenConnection, deadline: Deadline) -> list[RoomRow]:
    """Return which rooms the server has, by name. Raises as ``request``; Unsupported: the server is too old."""
    require_feature(connection.welcome, "rooms", "a list of rooms")
    return (await request(connection, Rooms(), RoomList, deadline)).rooms


async def member_nicks(connection: OpenConnection, deadline: Deadline) -> list[str]:
    """Return the nicknames of all members, with a request only if the welcome does not hold them all.

    Raises as ``request``.
    """
    welcome = connection.welcome
    if welcome.count <= len(welcome.members):
        return welcome.members
    return [row.nick for row in (await roster(connection, deadline)).members]


async def page(connection: OpenConnection, after: int, limit: int, deadline: Deadline) -> list[Msg]:
    """Return the entries after number ``after``, oldest first, at most ``limit``. Raises as ``request``."""
    return (await request(connection, History(limit=limit, after=after), Page, deadline)).entries


async def pages_back(connection: OpenConnection, deadline: Deadline) -> AsyncGenerator[list[Msg], None]:
    """Yield the entries that the server keeps of the room up to now, by pages: the newest first, each oldest first.

    Raises as ``request``. A server accepts 30 requests in a row, and 10 a second after that.
    """
    first, before = connection.welcome.first, connection.welcome.last + 1
    while before > first:
        wanted = History(limit=connection.welcome.limits.page, before=before)
        entries = (await request(connection, wanted, Page, deadline)).entries
        if not entries:  # they were deleted meanwhile
            return
        yield entries
        before = entries[0].seq


async def entries_between(
    connection: OpenConnection, since: float | None, until: float | None, deadline: Deadline
) -> AsyncGenerator[Msg, None]:
    """Yield the entries that the server keeps of the room up to now, oldest first; what is outside is not read.

    Args:
        connection: to the server.
        since: Unix seconds; None: from the first one on.
        until: Unix seconds, of the first that is no longer wanted; None: up to the last one.
        deadline: for all; each answer has ANSWER_SECONDS.

    Raises:
        ChatError: as ``request`` does.
    """
    welcome = connection.welcome
    first, last = welcome.first, welcome.last

    def read(after: int, limit: int) -> Awaitable[list[Msg]]:
        return page(connection, after, limit, deadline.sooner(ANSWER_SECONDS))

    after = first - 1 if since is None else await seq_before(since, first, last, read)
    end = last if until is None else await seq_before(until, max(first, after + 1), last, read)
    while after < end:
        entries = await read(after, min(welcome.limits.page, end - after))
        if not entries:
            return
        for entry in entries:
            yield entry
        after = entries[-1].seq


async def seek(connection: OpenConnection, since: Since, deadline: Deadline) -> Resume:
    """Return the position right before ``since``, or the log's end if that is still to come. Raises as ``request``."""
    welcome = connection.welcome
    if since.time is None:
        return Resume(welcome.epoch, min(max((since.seq or 0) - 1, 0), welcome.last))

    before = await seq_before(
        since.time, welcome.first, welcome.last, lambda after, limit: page(connection, after, limit, deadline)
    )
    return Resume(welcome.epoch, before)


async def seq_before(time: float, first: int, last: int, read: ReadLog) -> int:
    """Return the seq before the first of the entries ``first`` to ``last`` that was said at ``time`` or later.

    A binary search until one page holds the rest; it assumes that the server's clock went forwards.
    """
    low, high = first, last + 1  # the entry is one of low…high; high itself is known to be late enough
    while high - low > SEEK_PAGE:
        middle = (low + high) // 2
        found = await read(middle - 1, 1)
        if not found or found[0].seq > middle:  # trimmed meanwhile: the log begins after it
            low = min(found[0].seq, high) if found else high
        elif found[0].time < time:
            low = middle + 1
        else:
            high = middle
    entries = await read(low - 1, high - low) if high > low else []
    return next((entry.seq for entry in entries if entry.time >= time), high) - 1
