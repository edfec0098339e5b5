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
        self.hurry: Callable[[], None] = lambda: None
        """Shortens an end that has begun to FLUSH_SECONDS."""
        self._signalled = False

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
        return f"the server accepts no new connections, and ends within {short_span(self.within)}"

    def on_signal(self, name: signal.Signals) -> None:
        """Stop in order, which also cuts a drain short; a second signal ends the process at once."""
        if self._signalled:
            os._exit(128 + name)
        self._signalled = True
        self.within = min(self.within, FLUSH_SECONDS)
        self.event.set()
        self.hurry()


class Hangup:
    """The handler of SIGHUP: it reloads, but stops a server whose terminal was closed.

    One that comes before the server can reload is carried out once it can.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        """Set ``stop`` to stop the server."""
        self._stop = stop
        self._had_terminal = _has_terminal()
        self._reload: Callable[[], object] | None = None
        self._waits = False

    def __call__(self) -> None:
        """Take the signal."""
        if self._had_terminal and not _has_terminal():
            self._stop.set()
        elif self._reload is None:
            self._waits = True
        else:
            self._reload()

    def ready(self, reload: Callable[[], object]) -> None:
        """Reload with this function from now on."""
        self._reload = reload
        if self._waits:
            reload()


def take_signals(loop: asyncio.AbstractEventLoop, shutdown: Shutdown) -> Hangup:
    """Handle SIGINT, SIGTERM and SIGHUP from now on; return what handles the last one, which ``ready`` completes."""
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, shutdown.on_signal, name)
    hangup = Hangup(shutdown.event)
    loop.add_signal_handler(signal.SIGHUP, hangup)
    held_back = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)  # by __main__.py, until here
    signal.pthread_sigmask(signal.SIG_UNBLOCK, held_back)
    return hangup


def _has_terminal() -> bool:
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
