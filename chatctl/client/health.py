"""How well a room is: one check on a connection of its own, that nobody in the room notices."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import Connection, Deadline
from chatctl.errors import from_wire
from chatctl.protocol import VERSION, Ack, Error, Hello, History, Msg, Page, Ping, Pong, Say, ServerFrame


@dataclass(frozen=True, slots=True)
class Health:
    """What one check measured: times in seconds, ``silence`` None where no message can be had."""

    connect: float
    rtt: float
    echo: float
    users: int
    watchers: int
    silence: float | None
    version: int
    server: str
    cert_days: float | None = None
    """For how many days the server's certificate is still valid; None without TLS."""


def check(address: Address, room: str, deadline: Deadline) -> Health:
    """Connect, ping, send a message the whole way through the journal and back, look at the newest message.

    Raises:
        ChatError: it can't be reached, is something else, said no, or the deadline passed.
    """
    with Connection(address, Hello(v=VERSION, room=room, mode="probe"), deadline) as connection:
        welcome = connection.welcome
        rtt = _ping(connection, deadline)
        echo, now = _echo(connection, deadline)
        return Health(
            connect=connection.connect_seconds,
            rtt=rtt,
            echo=echo,
            users=welcome.count,
            watchers=welcome.watchers,
            silence=_silence(connection, now, deadline),
            version=welcome.v,
            server=welcome.server,
            cert_days=_days_left(connection.certificate),
        )


def _days_left(certificate: bytes) -> float | None:
    if not certificate:
        return None
    from chatctl.client.io.blocking_tls import days_left

    return days_left(certificate)


def _ping(connection: Connection, deadline: Deadline) -> float:
    started = time.monotonic()
    connection.send(Ping(t=started), deadline)
    while not isinstance(_receive(connection, deadline), Pong):
        pass
    return time.monotonic() - started


def _echo(connection: Connection, deadline: Deadline) -> tuple[float, float]:
    """Give how long a message takes, commit included, and the server's own time."""
    ident = os.urandom(8).hex()
    started = time.monotonic()
    connection.send(Say(f"probe {ident}", id=ident), deadline)
    now = 0.0
    due = {Ack, Msg}  # committed, and come back
    while due:
        frame = _receive(connection, deadline)
        due.discard(type(frame))
        if isinstance(frame, Ack):
            now = frame.time
    return time.monotonic() - started, now


def _silence(connection: Connection, now: float, deadline: Deadline) -> float | None:
    """Give the newest message's age, by the server's clock alone."""
    welcome = connection.welcome
    if welcome.first > welcome.last:
        return None
    connection.send(History(limit=1, after=welcome.last - 1), deadline)
    while not isinstance(page := _receive(connection, deadline), Page):
        pass
    return max(0.0, now - page.entries[-1].time) if page.entries else None


def _receive(connection: Connection, deadline: Deadline) -> ServerFrame:
    frame = connection.receive(deadline)
    if isinstance(frame, Error):
        raise from_wire(frame.code, frame.text, frame.retry_after)
    return frame
