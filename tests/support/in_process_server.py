"""A server in a thread of the tests' own process, with limits that no option sets."""

from __future__ import annotations

import asyncio
import contextlib
import io
import queue
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import TextIO

import pytest

from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator
from chatctl.core.ip_networks import Networks
from chatctl.core.leases import Leases
from chatctl.core.limits import ServerLimits
from chatctl.core.passwords import Verifier
from chatctl.directory.memory import MemoryDirectory
from chatctl.hub.event_log import Log
from chatctl.hub.hub import Hub
from chatctl.journal import Journal
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import LEASE_SECONDS
from chatctl.server.certificates import Tls
from chatctl.server.listener import open_tcp
from chatctl.server.server import Port
from chatctl.server.server import Server as ChatServer
from chatctl.server.web.basic_passwords import BasicPasswords
from chatctl.server.web.connection import WebConnection
from chatctl.server.web.origins import Origins
from chatctl.server.web.page_file import PageFile
from chatctl.server.web.site import Site
from tests.support.environment import DEADLINE


def new_server(
    limits: ServerLimits,
    *,
    journal: Journal,
    password: str | None = None,
    networks: Networks | None = None,
    grace: float = LEASE_SECONDS,
    open_rooms: bool = True,
    log: TextIO,
    authenticator: Authenticator | None = None,
) -> ChatServer:
    """Make a server of the running loop that listens nowhere yet, and logs to ``log``."""
    hub = Hub(
        journal,
        MemoryDirectory(journal),
        Admission("test", open_rooms=open_rooms),
        limits,
        Log(write=lambda _level, line: print(line, file=log)),
        clock=time.time,
        loop=asyncio.get_running_loop(),
        authenticator=authenticator or Authenticator(Verifier.of(password) if password else None),
        leases=Leases(journal.facts(), now=time.time(), wall=time.time(), grace=grace),
    )
    return ChatServer(hub, networks=networks)


@contextlib.contextmanager
def in_process_server(
    limits: ServerLimits,
    tls: Tls | None = None,
    *,
    journal: Journal | None = None,
    password: str | None = None,
    within: float = 2.0,
    networks: Networks | None = None,
    grace: float = LEASE_SECONDS,
    open_rooms: bool = True,
    web: Origins | None = None,
) -> Iterator[int]:
    """Run a server with limits that no option sets, in a thread; give its port. On asyncio's own loop.

    With ``tls``, the port speaks that; with ``web`` it is one for browsers, of these origins. At the end it flushes
    ``within`` so many seconds. Leases are kept for ``grace`` seconds after a lost connection.
    """
    started: queue.Queue[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()
    log = io.StringIO()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        auth = Authenticator(Verifier.of(password) if password else None)
        server = new_server(
            limits,
            journal=journal or MemoryJournal(),
            networks=networks,
            grace=grace,
            open_rooms=open_rooms,
            log=log,
            authenticator=auth,
        )
        sockets = open_tcp("127.0.0.1", 0)
        if web is not None:
            connect = partial(WebConnection, Site(web, BasicPasswords(auth), PageFile(), server.hub.log))
            server.listen([])
            server.listen_as(Port(tls, connect, reads_forwarded=True), sockets)
        else:
            server.listen([] if tls is not None else sockets, sockets, tls)
        started.put((sockets[0].getsockname()[1], loop, stop))
        await stop.wait()
        await server.stop("the test is over", within=within)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    port, loop, stop = started.get(timeout=DEADLINE)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE)
        assert "Traceback" not in log.getvalue()
        assert not thread.is_alive()


@contextlib.contextmanager
def from_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
    limits: ServerLimits,
    *,
    password: str | None = None,
    web: Origins | None = None,
) -> Iterator[int]:
    """Do the same. Loopback is exempt, so all come from one network of IPv6, each from an address of its own."""
    numbers = iter(range(1, 10_000))
    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", f"2001:db8::{next(numbers):x}"))
    with in_process_server(limits, password=password, web=web) as port:
        yield port
