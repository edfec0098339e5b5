"""The health of a room: one check on a connection of its own, which nobody in the room notices."""

from __future__ import annotations

import os
from dataclasses import dataclass

from chatctl.client.core.address import Address
from chatctl.client.core.connection import raise_refusal
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.outbox import new_id
from chatctl.client.core.request import request
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_transport import ask
from chatctl.client.io.clock import now
from chatctl.client.requests import page
from chatctl.protocol import Ack, Msg, Ping, Pong, Say


@dataclass(frozen=True, slots=True)
class Health:
    """The results of one check; times are in seconds."""

    connect: float
    """Time to connect, TLS included."""
    rtt: float
    """Time from a ping to its answer."""
    echo: float
    """Time from a message to its acknowledgement and its echo, the journal's commit included."""
    users: int
    watchers: int
    silence: float | None
    """Age of the newest message; None if there is none."""
    version: int
    """Of the protocol."""
    server: str
    """The server's name and version."""
    cert_days: float | None = None
    """Days for which the server's certificate is still valid; None without TLS."""


def check(address: Address, room: str, deadline: Deadline) -> Health:
    """Connect, ping, send a message through the journal and back, look at the newest message.

    Raises:
        ChatError: the server can't be reached, is no chatctl server, refused, or the deadline passed.
    """
    return ask(address, room, "probe", _check, deadline)


async def _check(connection: BlockingConnection, deadline: Deadline) -> Health:
    welcome = connection.welcome
    started = now()
    await request(connection, Ping(t=started), Pong, deadline)
    rtt = now() - started
    echo, server_time = await _echo(connection, deadline)
    return Health(
        connect=connection.connect_seconds,
        rtt=rtt,
        echo=echo,
        users=welcome.count,
        watchers=welcome.watchers,
        silence=await _silence(connection, server_time, deadline),
        version=welcome.v,
        server=welcome.server,
        cert_days=_days_left(connection.certificate),
    )


def _days_left(certificate: bytes) -> float | None:
    if not certificate:
        return None
    from chatctl.client.io.blocking_tls import days_left

    return days_left(certificate)


async def _echo(connection: BlockingConnection, deadline: Deadline) -> tuple[float, float]:
    """Return how long a message takes, commit included, and the server's own time."""
    ident = new_id(os.urandom)
    started = now()
    await connection.send(Say(f"probe {ident}", id=ident), deadline)
    server_time = 0.0
    due: set[type] = {Ack, Msg}  # committed, and broadcast
    while due:
        frame = await connection.receive(deadline)
        raise_refusal(frame)
        due.discard(type(frame))
        if isinstance(frame, Ack):
            server_time = frame.time
    return now() - started, server_time


async def _silence(connection: BlockingConnection, server_time: float, deadline: Deadline) -> float | None:
    """Return the newest message's age, by the server's clock alone."""
    welcome = connection.welcome
    if welcome.first > welcome.last:
        return None
    entries = await page(connection, welcome.last - 1, 1, deadline)
    return max(0.0, server_time - entries[-1].time) if entries else None
