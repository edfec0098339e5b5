"""The health of a room: one check on a connection of its own, which nobody in the room notices."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from chatctl.client.core.address import Address
from chatctl.client.core.connection import raise_refusal
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.outbox import new_id
from chatctl.client.core.request import request
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_transport import ask
from chatctl.client.io.clock import now
from chatctl.client.requests import page, pages_back
from chatctl.common.names import fold_any
from chatctl.protocol import Ack, Msg, Ping, Pong, Say

MOST_PAGES = 25
"""Pages of the log in which a nickname is looked for (25,000 messages): a server answers 30 requests at once."""


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
    """Age of the newest message, or of the newest one of the nickname that was asked for; None if none was found."""
    version: int
    """Of the protocol."""
    server: str
    """The server's name and version."""
    cert_days: float | None = None
    """Days for which the server's certificate is still valid; None without TLS."""
    searched: int = 0
    """How many of the newest messages were looked at for the nickname."""


class Author(NamedTuple):
    """Whose newest message is looked for: a folded nickname; and an age in seconds beyond which nobody has to look."""

    nick: str
    within: float = float("inf")


def check(address: Address, room: str, deadline: Deadline, author: Author | None = None) -> Health:
    """Connect, ping, send a message through the journal and back, look for the newest message: of ``author``, if given.

    Raises:
        ChatError: the server can't be reached, is no chatctl server, refused, or the deadline passed.
    """
    return ask(address, room, "probe", partial(_check, author), deadline)


async def _check(author: Author | None, connection: BlockingConnection, deadline: Deadline) -> Health:
    welcome = connection.welcome
    started = now()
    await request(connection, Ping(t=started), Pong, deadline)
    rtt = now() - started
    echo, server_time = await _echo(connection, deadline)
    if author is None:
        silence, searched = await _silence(connection, server_time, deadline), 0
    else:
        silence, searched = await _silence_of(author, connection, server_time, deadline)
    return Health(
        connect=connection.connect_seconds,
        rtt=rtt,
        echo=echo,
        users=welcome.count,
        watchers=welcome.watchers,
        silence=silence,
        version=welcome.v,
        server=welcome.server,
        cert_days=_days_left(connection.certificate),
        searched=searched,
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


async def _silence_of(
    author: Author, connection: BlockingConnection, server_time: float, deadline: Deadline
) -> tuple[float | None, int]:
    """Return the age of the newest message of a nickname, and how many messages were looked at."""
    searched = pages = 0
    async for entries in pages_back(connection, deadline):
        for entry in reversed(entries):
            searched += 1
            if not entry.redacted and fold_any(entry.nick) == author.nick:
                return max(0.0, server_time - entry.time), searched
        pages += 1
        if pages == MOST_PAGES or server_time - entries[0].time > author.within:
            break
    return None, searched
