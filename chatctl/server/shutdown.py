"""What ends a server: an operator, a signal, a terminal that was closed, a journal that fails.

Lives here: the reason, and what members are told. Does not live here: the end itself (server.py, program.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from chatctl.common.durations import short_span
from chatctl.errors import ChatError
from chatctl.protocol import Admin
from chatctl.server.reload import Reloader
from chatctl.server.server import FLUSH_SECONDS

DRAIN_SECONDS = 10.0
"""How long a drain waits for output that is not sent yet, unless the operator says otherwise."""

RETRY_AFTER = 5.0
"""Seconds after which drained clients reconnect: a new server is expected by then."""


class Shutdown:
    """Set once, by whatever ends the server: ``event`` tells that it is, the rest how it ends."""

    def __init__(self) -> None:
        """Create it inside a running event loop, not set."""
        self.event = asyncio.Event()
        self.error: ChatError | None = None
        self.why = "the server is going down"
        self.retry_after: float | None = None
        self.within = FLUSH_SECONDS

    def fail(self, error: ChatError) -> None:
        """End the server with an error."""
        self.error = error
        self.event.set()

    def drain(self, ask: Admin) -> str:
        """End the server for an operator: clients are told when to reconnect, and have time to read what was sent."""
        self.why = ask.text or self.why
        self.retry_after = RETRY_AFTER
        self.within = ask.seconds or DRAIN_SECONDS
        self.event.set()
        return f"the server takes nobody any more, and ends within {short_span(self.within)}"


def on_signal(stop: asyncio.Event, name: signal.Signals) -> None:
    """Stop in order; a second signal ends the process at once."""
    if stop.is_set():
        os._exit(128 + name)
    stop.set()


def on_hangup(reloads: Reloader, stop: asyncio.Event) -> Callable[[], None]:
    """Return the handler of SIGHUP: it reloads, but stops a server whose terminal was closed."""
    had_terminal = _has_terminal()

    def hangup() -> None:
        if had_terminal and not _has_terminal():
            stop.set()
            return
        reloads.run()

    return hangup


def _has_terminal() -> bool:
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
