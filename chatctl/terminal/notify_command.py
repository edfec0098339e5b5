"""``--notify-command``: a program that is run for a message that concerns the user.

Lives here: running it, within bounds, and telling once that it fails. Does not live here: which message concerns the
user (room_view.py), notifications by the terminal (desktop_notification.py).

It gets what ``tail --exec`` gives: the text on its stdin, the rest in its environment, and no shell sees either.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from chatctl.common.programs import start
from chatctl.common.text import clean
from chatctl.errors import reason_of

MAX_RUNNING = 4
MAX_A_MINUTE = 30
"""Of more messages than that nobody is notified one by one: the next run is told how many were left out."""

SECONDS = 10.0
"""A run that takes longer is killed, with all that it has started."""


AlertKind = Literal["mention", "whisper", "message"]


class Alert(NamedTuple):
    """A message that concerns the user."""

    kind: AlertKind
    room: str
    nick: str
    text: str
    time: float
    """When it was said, in Unix seconds."""
    seq: int | None = None
    """Its number in the room; a whisper has none."""


class NotifyCommand:
    """Runs a command for alerts."""

    def __init__(self, words: Sequence[str]) -> None:
        """Run ``words``: a program and its arguments."""
        self._words = list(words)
        self._running = 0
        self._started: deque[float] = deque()
        self._left_out = 0
        self._is_told = False

    def run(self, alert: Alert, tell: Callable[[str], object]) -> None:
        """Start it, unless too many run or have run; return at once. To be called inside an event loop.

        Args:
            alert: what it is about.
            tell: gets the first failure, in words; later ones are not told.
        """
        now = time.monotonic()
        while self._started and now - self._started[0] >= 60:
            self._started.popleft()
        if self._running >= MAX_RUNNING or len(self._started) >= MAX_A_MINUTE:
            self._left_out += 1
            return
        self._started.append(now)
        self._running += 1
        left_out, self._left_out = self._left_out, 0
        loop = asyncio.get_running_loop()

        def work() -> None:
            failure = self._run(alert, left_out)
            with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended
                loop.call_soon_threadsafe(self._ended, failure, tell)

        threading.Thread(target=work, daemon=True).start()  # the end of the program does not wait for it

    def _ended(self, failure: str | None, tell: Callable[[str], object]) -> None:
        self._running -= 1
        if failure is not None and not self._is_told:
            self._is_told = True
            tell(f"--notify-command: {self._words[0]} {failure} (told once)")

    def _run(self, alert: Alert, left_out: int) -> str | None:
        """Run it to its end; return how it failed, in words."""
        devnull = subprocess.DEVNULL
        environ = os.environ | _fields(alert) | {"CHATCTL_LEFT_OUT": str(left_out)}
        try:
            process = start(
                self._words, stdin=subprocess.PIPE, stdout=devnull, stderr=devnull, env=environ, start_new_session=True
            )
        except OSError as error:
            return f"can't be started: {reason_of(error)}"
        with process:
            try:
                process.communicate(clean(alert.text, lines=True).encode("utf-8", "replace") + b"\n", SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, PermissionError):  # it may run as somebody else
                    os.killpg(process.pid, signal.SIGKILL)
                return f"took longer than {SECONDS:g} s, and was killed"
            except OSError as error:
                return f"can't be run: {reason_of(error)}"
        code = process.returncode
        return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}" if code else None


def _fields(alert: Alert) -> dict[str, str]:
    return {
        "CHATCTL_EVENT": alert.kind,
        "CHATCTL_AUTHOR": clean(alert.nick),
        "CHATCTL_ROOM": alert.room,
        "CHATCTL_SEQ": str(alert.seq or ""),
        "CHATCTL_TIME": f"{alert.time:.6f}",
    }
