"""Running a program as if it had been called directly: its output, its signals, its status.

The program writes to two pipes, not to a terminal of ours; their bytes are passed on as they come. Does not live here:
what the room is told of it (notifier.py).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO

from chatctl.cli.output import write_all
from chatctl.errors import reason_of

_READ = 64 * 1024
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NOT_FOUND, NOT_EXECUTABLE = 127, 126


class NotStarted(Exception):
    """The program can't be started; ``status`` is the exit code that a shell would return."""

    def __init__(self, why: str, status: int) -> None:
        """Keep the reason, in words, and the status."""
        super().__init__(why)
        self.why = why
        self.status = status


class Child:
    """A program that runs. Signals that reach us are forwarded to it, from before it starts until it has ended."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it. Raises NotStarted."""
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        for number in FORWARDED:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores them for both of us
                signal.signal(number, self._forward)
        try:
            self._process = subprocess.Popen(  # noqa: S603 — to run what it is told is its purpose; no shell
                command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=False
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            why = "not found" if missing else reason_of(error)
            raise NotStarted(why, NOT_FOUND if missing else NOT_EXECUTABLE) from None
        for early in self._early:
            self._process.send_signal(early)

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and typed_at_our_terminal():
            return  # the terminal gave it to the program as well
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)

    def pass_on(self, keep: Callable[[int, bytes], None]) -> int:
        """Copy its output to ours until it has ended, and return its status as a shell does.

        Processes that it left running are not waited for.

        Args:
            keep: called with 1 or 2, for stdout or stderr, and each piece of the output.
        """
        process = self._process
        assert process is not None, "__init__ raises NotStarted"
        assert process.stdout is not None, "Popen was asked for a pipe"
        assert process.stderr is not None, "Popen was asked for a pipe"
        ended, tell = os.pipe()
        threading.Thread(target=_wait, args=(process, tell), daemon=True).start()
        pipes: dict[IO[bytes], int] = {process.stdout: 1, process.stderr: 2}
        while True:
            waited: list[IO[bytes] | int] = [*pipes, ended]
            ready, _, _ = select.select(waited, [], [])
            for pipe in [pipe for pipe in pipes if pipe in ready]:
                if not _pass(pipe.fileno(), pipes[pipe], keep):
                    del pipes[pipe]
                    pipe.close()
            if ended in ready and not any(pipe in ready for pipe in pipes):
                break
        return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _wait(process: subprocess.Popen[bytes], tell: int) -> None:
    process.wait()
    os.close(tell)


def _pass(pipe: int, to: int, keep: Callable[[int, bytes], None]) -> bool:
    """Copy what can be read. Return False at the end, and if our output is closed: the program then gets SIGPIPE."""
    data = os.read(pipe, _READ)
    if not data:
        return False
    keep(to, data)
    try:
        write_all(to, data)
    except OSError:
        return False
    return True


def typed_at_our_terminal() -> bool:
    """Return whether a key typed at the terminal sends its signal to us, and so to the program in the same group."""
    with contextlib.suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
