"""Running a server as a program: options in, sockets open, signals heard, everything closed at the end.

Lives here: what ``chatctl serve`` does around a server. Does not live here: the command line (commands/serve.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from chatctl import __version__
from chatctl.admission import Admission
from chatctl.hub import Hub
from chatctl.journal.memory import MemoryJournal
from chatctl.listen import open_tcp, open_unix
from chatctl.log import Log
from chatctl.protocol import Limits
from chatctl.server import Server

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What the operator chose. ``host`` None means no TCP; ``rate`` 0 means no limit."""

    host: str | None
    port: int
    unix: Path | None
    admission: Admission
    max_clients: int
    max_per_address: int
    rate: float
    burst: int
    ring_entries: int


def run_server(options: ServeOptions, log: Log) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        ChatError: nothing could be listened on.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(options, log))


def _loop_factory() -> LoopFactory | None:
    """Take uvloop if it is there (the extra ``fast``)."""
    with contextlib.suppress(ImportError):
        return cast(LoopFactory, importlib.import_module("uvloop").new_event_loop)
    return None


async def _serve(options: ServeOptions, log: Log) -> None:
    limits = Limits(
        clients=options.max_clients,
        per_address=options.max_per_address,
        rate=options.rate,
        burst=options.burst,
        ring_entries=options.ring_entries,
    )
    sockets = open_tcp(options.host, options.port) if options.host is not None else []
    sockets += [open_unix(options.unix)] if options.unix is not None else []
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, _on_signal, stop, name)

    def hub_of(server: Server) -> Hub:
        journal = MemoryJournal()
        return Hub(journal, options.admission, limits, log, clock=time.time, next_turn=server.loop.call_soon)

    server = Server(hub_of, limits, log)
    server.listen(sockets)
    for sock in sockets:
        print(f"chatctl {__version__} listening on {_name(sock)}", flush=True)
    await stop.wait()
    log.info("stopping")
    await server.stop("the server is going down")


def _on_signal(stop: asyncio.Event, name: signal.Signals) -> None:
    """The first one stops in order; a second one stops at once."""
    if stop.is_set():
        os._exit(128 + name)
    stop.set()


def _name(sock: socket.socket) -> str:
    if sock.family == socket.AF_UNIX:
        return str(sock.getsockname())
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def default_max_clients() -> int:
    """Give 10,000 or 0.8 × the limit of open files, after raising that as far as we may."""
    if sys.platform == "win32":
        return 10_000
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 13_000 if hard == resource.RLIM_INFINITY else min(13_000, hard)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(1, min(10_000, int(soft * 0.8)))
