"""Reading a room's whole log in pages."""

from __future__ import annotations

from collections.abc import Iterator

from chatctl.client.io.blocking_connection import Connection, Deadline
from chatctl.errors import from_wire
from chatctl.protocol import Error, History, Msg, Page


def all_entries(connection: Connection, deadline: Deadline) -> Iterator[Msg]:
    """Yield everything the server keeps of the room up to now, oldest first. Raises as ``Connection.receive``."""
    welcome = connection.welcome
    after = welcome.first - 1
    while after < welcome.last:
        connection.send(History(limit=welcome.limits.page, after=after), deadline)
        while not isinstance(frame := connection.receive(deadline), Page):
            if isinstance(frame, Error):
                raise from_wire(frame.code, frame.text, frame.retry_after)
        yield from frame.entries
        if not frame.entries:
            return
        after = frame.entries[-1].seq
