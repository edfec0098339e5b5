"""Following a room from a script: the past that was asked for, then what comes, in one order."""

from __future__ import annotations

from collections.abc import Iterator

from chatctl.client.blocking import Connection, ConnectionEnded, Deadline
from chatctl.errors import from_wire
from chatctl.protocol import Bye, Error, Gap, History, Msg, Page, ServerFrame


def entries(connection: Connection, past: int, deadline: Deadline, *, follow: bool) -> Iterator[Msg | Gap]:
    """Yield the last ``past`` entries, then, with ``follow``, each one that is said.

    The connection's hello asked for ``past`` entries of history. More than the server gives on entering are fetched in
    pages first; what comes meanwhile waits.

    Raises:
        DeadlinePassed, ConnectionEnded, PeerBroke: as ``Connection.receive``.
    """
    welcome = connection.welcome
    first_live = max(welcome.last - min(past, welcome.limits.backlog), welcome.first - 1) + 1
    waiting: list[ServerFrame] = []
    older = past - (welcome.last + 1 - first_live)
    if older > 0 and first_live > welcome.first:
        yield from _pages(connection, first_live, older, deadline, waiting)
    left = welcome.last + 1 - first_live  # how much of the past is still to come
    while follow or left > 0:
        frame = waiting.pop(0) if waiting else connection.receive(deadline)
        if isinstance(frame, Msg | Gap):
            left = welcome.last - (frame.seq if isinstance(frame, Msg) else frame.to)
            yield frame
        elif isinstance(frame, Bye):
            raise ConnectionEnded(f"the server said bye: {frame.why}")
        elif isinstance(frame, Error):
            raise from_wire(frame.code, frame.text, frame.retry_after)


def _pages(
    connection: Connection, before: int, wanted: int, deadline: Deadline, waiting: list[ServerFrame]
) -> Iterator[Msg]:
    """Fetch backwards, give forwards."""
    pages: list[list[Msg]] = []
    while wanted > 0:
        connection.send(History(limit=wanted, before=before), deadline)
        while not isinstance(frame := connection.receive(deadline), Page):
            waiting.append(frame)
        pages.append(frame.entries)
        wanted -= len(frame.entries)
        if not frame.more or not frame.entries:
            break
        before = frame.entries[0].seq
    for page in reversed(pages):
        yield from page
