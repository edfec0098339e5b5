"""Asking a server something on a blocking connection and waiting for the answer."""

from __future__ import annotations

from chatctl.client.io.blocking_connection import Connection, Deadline
from chatctl.errors import from_wire
from chatctl.protocol import Error, Roster, Who


def roster(connection: Connection, deadline: Deadline) -> Roster:
    """Give who is here. Raises as ``Connection.receive``."""
    connection.send(Who(), deadline)
    while not isinstance(frame := connection.receive(deadline), Roster):
        if isinstance(frame, Error):
            raise from_wire(frame.code, frame.text, frame.retry_after)
    return frame
