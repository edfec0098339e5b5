"""Asking a server something on a blocking connection and waiting for the answer."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from chatctl.client.blocking import Connection, Deadline
from chatctl.errors import from_wire
from chatctl.protocol import Ack, Error, Msg, Ping, Pong, Roster, Say, Who


def roster(connection: Connection, deadline: Deadline) -> Roster:
    """Give who is here. Raises as ``Connection.receive``."""
    connection.send(Who(), deadline)
    while not isinstance(frame := connection.receive(deadline), Roster):
        if isinstance(frame, Error):
            raise from_wire(frame.code, frame.text, frame.retry_after)
    return frame


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe measured, in seconds."""

    connect: float
    rtt: float
    echo: float


def health(connection: Connection, deadline: Deadline) -> Health:
    """Ping, then send a message the whole way through the journal and back. It leaves no trace.

    Raises:
        ChatError: the server reported one, or as ``Connection.receive``.
    """
    started = time.monotonic()
    connection.send(Ping(t=started), deadline)
    while not isinstance(connection.receive(deadline), Pong):
        pass
    rtt = time.monotonic() - started
    ident = os.urandom(8).hex()
    started = time.monotonic()
    connection.send(Say(f"probe {ident}", id=ident), deadline)
    due = {Ack, Msg}  # committed, and come back
    while due:
        frame = connection.receive(deadline)
        if isinstance(frame, Error):
            raise from_wire(frame.code, frame.text, frame.retry_after)
        due.discard(type(frame))
    return Health(connection.connect_seconds, rtt, time.monotonic() - started)
