"""When a server ends, and why: an operator, a signal, a terminal that is gone, a journal that can't go on.

Lives here: the reason, and what it means for those who are in. Does not live here: ending (server.py, serving.py).
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
"""For how long those who are sent away may take what is theirs, unless told otherwise."""

RETRY_AFTER = 5.0
"""Seconds after which they come back: a new server is there by then."""


class Stop:
    """Why the server ends, once it does."""

    def __init__(self) -> None:
        """Go on for now."""
        self.event = asyncio.Event()
        self.error: ChatError | None = None
        self.why = "the server is going down"
        self.retry_after: float | None = None
        self.within = FLUSH_SECONDS

    def fail(self, error: ChatError) -> None:
        """End it with an error."""
        self.error = error
        self.event.set()

    def drain(self, ask: Admin) -> str:
        """End it in order: everybody is told when to come back, and has some time to take what is theirs."""
        self.why = ask.text or self.why
        self.retry_after = RETRY_AFTER
        self.within = ask.seconds or DRAIN_SECONDS
        self.event.set()
        return f"the server takes nobody any more, and ends within {short_span(self.within)}"


def on_signal(stop: asyncio.Event, name: signal.Signals) -> None:
    """The first one stops in order; a second one stops at once."""
    if stop.is_set():
        os._exit(128 + name)
    stop.set()


def on_hangup(reloads: Reloader, stop: asyncio.Event) -> Callable[[], None]:
    """Give what SIGHUP does: all is read again. But a terminal that is gone takes its server with it."""
    had_terminal = _has_terminal()

    def hangup() -> None:
        if had_terminal and not _has_terminal():
            stop.set()
            return
        reloads.run()

    return hangup


def _has_terminal() -> bool:
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
