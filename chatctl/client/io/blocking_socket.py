"""Opening a blocking socket to a server, and waiting for one, or for the reader of our output to be gone.

Does not live here: TLS (blocking_tls.py), what is said on it (blocking_connection.py).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import select
import socket
import struct
from contextlib import AbstractContextManager
from typing import Any

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, DeadlinePassed, NoAnswer, ReaderGone
from chatctl.client.io.clock import deadline_in, now
from chatctl.client.io.resolver import Endpoint, resolve, shares
from chatctl.common.dead_peers import tcp_options
from chatctl.common.paths import reachable_socket
from chatctl.errors import Unreachable, reason_of

LOOK_SECONDS = 5.0
"""Time for a look at a certificate that was not trusted."""

_GONE = select.POLLERR | select.POLLHUP


def open_socket(address: Address, deadline: Deadline, closing: int | None = None) -> socket.socket:
    """Connect, with TLS if the address says so.

    Raises:
        Unreachable: with the reason and what to do.
        PeerBroke: the server speaks no TLS, or its certificate is not trusted.
        ReaderGone: as ``wait_ready``.
    """
    sock = open_tcp(address, deadline, closing)
    if not address.tls:
        return sock
    from chatctl.client.io.blocking_tls import secure

    left = None if deadline.at is None else max(0.001, deadline.at - now())
    wait = None if closing is None else functools.partial(wait_ready, closing)
    return secure(sock, address, left, lambda: look_again(address, deadline), wait=wait)


def look_again(address: Address, deadline: Deadline | None = None) -> socket.socket:
    """Connect once more, for a look at a certificate that was not trusted. Raises Unreachable."""
    soon = (deadline or deadline_in(None)).sooner(LOOK_SECONDS)
    sock = open_tcp(address, soon)
    sock.settimeout(None if soon.at is None else max(0.001, soon.at - now()))
    return sock


def follow_links(address: Address) -> Address:
    """Return the address with the path that it leads to now. Each connection does this once.

    What is connected to has to be what is signed: a link that is changed in between would lead to another server.
    """
    if not address.unix or address.unix.startswith("\0"):
        return address._replace(real=address.unix)
    return address._replace(real=os.path.realpath(address.unix))


def socket_name(address: Address) -> AbstractContextManager[str]:
    """Return a context that gives the name under which the unix socket is connected to, however long its path is."""
    from pathlib import Path

    return reachable_socket(Path(address.real or address.unix or ""))


def open_tcp(address: Address, deadline: Deadline, closing: int | None = None) -> socket.socket:
    """Connect without TLS, by TCP or a unix socket. Raises Unreachable; ReaderGone as ``wait_ready``."""
    try:
        if address.unix is not None:
            with socket_name(address) as name:
                return _connect(socket.AF_UNIX, name, deadline.left(), closing)
        check = None if closing is None else functools.partial(wait_ready, closing, 0.0)
        sock = _first_that_answers(resolve(address.host, address.port, deadline, check), deadline, closing)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option in tcp_options(socket):
            sock.setsockopt(*option)
    except (OSError, DeadlinePassed) as error:
        raise unreachable(address, error) from None
    return sock


def _first_that_answers(endpoints: list[Endpoint], deadline: Deadline, closing: int | None) -> socket.socket:
    """Connect to the first endpoint that can be had. Raises the first one's OSError, or DeadlinePassed."""
    first: OSError | None = None
    for endpoint, seconds in shares(endpoints, deadline):
        try:
            return _connect(endpoint.family, endpoint.address, seconds, closing)
        except OSError as error:
            first = first or error
    raise first or OSError("it has no address")


def _connect(family: int, address: Any, seconds: float | None, closing: int | None) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds if closing is None else 0.0)
        try:
            sock.connect(address)
        except BlockingIOError:  # it goes on, while we look at the pipe, too
            if not wait_ready(closing, seconds, sock.fileno(), select.POLLOUT):
                raise TimeoutError from None
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error)) from None
    except BaseException:
        sock.close()
        raise
    return sock


def unreachable(address: Address, error: OSError | DeadlinePassed) -> Unreachable:
    """Return the error for a connection that could not be made, with the reason and what to do."""
    if isinstance(error, TimeoutError | DeadlinePassed):
        return NoAnswer(f"cannot reach {address}: it did not answer in time")
    if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
        # not the error's own text: asyncio's holds the address once more
        why = f"{os.strerror(error.errno).lower()} (is 'chatctl serve' running there?)"
    else:
        why = reason_of(error)
    return Unreachable(f"cannot reach {address}: {why}")


def hang_up(sock: socket.socket) -> None:
    """Close with a reset: a server of the first version notices no other end, and spins."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_ready(
    reader: int | None, seconds: float | None, descriptor: int | None = None, events: int = select.POLLIN
) -> bool:
    """Wait until one of the ``events`` (of poll) has come; return False if ``seconds`` passed (None: for ever).

    Raises:
        ReaderGone: the pipe whose writing end is ``reader`` was closed at its other end.
    """
    poll = select.poll()
    if descriptor is not None:
        poll.register(descriptor, events)
    if reader is not None:
        poll.register(reader, 0)
    found = dict(poll.poll(None if seconds is None else int(seconds * 1000) + (seconds > 0)))
    if reader is not None and found.pop(reader, 0) & _GONE:
        raise ReaderGone
    return bool(found)
