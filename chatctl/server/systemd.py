"""Telling the service manager how it stands: ready, reloading, stopping, and that the loop still turns.

Lives here: the lines of sd_notify(3) over the socket that systemd names in the environment. Without one nothing is
told. Does not live here: when to tell it (serving.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import MutableMapping


class Manager:
    """Whoever started us, if it listens. Nothing that goes wrong there is the room's trouble."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Take what it left in the environment away, so that programs which we start do not speak for us."""
        self._path = environ.pop("NOTIFY_SOCKET", "")
        self._interval = _interval(environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", ""))
        self._timer: asyncio.TimerHandle | None = None

    def ready(self) -> None:
        """We serve."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """What can be read again is read again; ``ready`` ends it."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """We say goodbye."""
        self._tell("STOPPING=1")

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say that the loop turns, twice in the time after which silence counts as death."""
        if self._interval:
            self._tell("WATCHDOG=1")
            self._timer = loop.call_later(self._interval, self.watch, loop)

    def close(self) -> None:
        """Say no more."""
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
    """Give the seconds between two signs of life, 0 for none: half of what it allows, if it means us."""
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(microseconds) / 2e6
