"""sd_notify(3): telling systemd that the server is ready, reloads, stops, and that its event loop still runs.

Lives here: the datagrams to the socket that systemd names in the environment. Without one nothing is sent. Does not
live here: when to send them (program.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

SPARE_SECONDS = 10.0
"""For closing the journal and the log, once all connections are closed."""


class ServiceManager:
    """The service manager that started the server, if there is one. Errors in telling it are ignored."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Remove its variables from ``environ``, so that no child process notifies it in the server's place."""
        self._path = environ.pop("NOTIFY_SOCKET", "")
        self._interval = _interval(environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", ""))
        self._timer: asyncio.TimerHandle | None = None

    def ready(self) -> None:
        """Report that the server listens, or has reloaded."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Report that files are read again; ``ready`` ends that."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, within: float) -> None:
        """Report that the server stops, within so many seconds: a drain may take longer than its unit allows."""
        self._tell(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int((within + SPARE_SECONDS) * 1e6)}")

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ping the watchdog from the event loop, twice in each of its intervals."""
        if self._interval:
            self._tell("WATCHDOG=1")
            self._timer = loop.call_later(self._interval, self.watch, loop)

    def close(self) -> None:
        """Stop pinging the watchdog."""
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self, state: str) -> None:
        if not self._path.startswith(("/", "@")):
            return
        address = self._path.replace("@", "\0", 1) if self._path[0] == "@" else self._path
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(state.encode(), address)


def _interval(microseconds: str, pid: str) -> float:
    """Return the seconds between two pings, half of what the watchdog allows; 0 if it does not watch this process."""
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(microseconds) / 2e6
