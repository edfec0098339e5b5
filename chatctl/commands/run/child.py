"""Running a program as if it had been called directly: its output, its signals, its status.

The program writes to pipes, not to a terminal of ours; their bytes are passed on as they come. Does not live here:
which signals are passed on (signal_relay.py), where the output goes (output.py), what the room is told (notifier.py).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

from chatctl.commands.run.output import Output
from chatctl.commands.run.signal_relay import SignalRelay
from chatctl.common.programs import start
from chatctl.errors import reason_of

_READ = 64 * 1024
NOT_FOUND, NOT_EXECUTABLE, TIMED_OUT = 127, 126, 124
KILL_AFTER = 10.0
"""Seconds between SIGTERM and SIGKILL for a program that ran too long."""


class NotStarted(Exception):
    """The program can't be started; ``status`` is the exit code that a shell would return."""

    def __init__(self, why: str, status: int) -> None:
        """Keep the reason, in words, and the status."""
        super().__init__(why)
        self.why = why
        self.status = status


class Child:
    """A program that runs. Signals that reach us are passed on to it, from before it starts until it has ended."""

    def __init__(self, command: Sequence[str], max_time: float | None = None) -> None:
        """Start it.

        Args:
            command: its name and arguments.
            max_time: seconds after which it is ended, with all that it started; for that it gets a process group of
                its own, which the keys of a terminal do not reach: their signals are passed on.

        Raises:
            NotStarted: there is no such program, or it can't be run.
        """
        self._relay = SignalRelay()
        self._own_group = max_time is not None
        self._limit = _TimeLimit(max_time, self._send)
        one_pipe = is_one_file(1, 2)
        try:
            self._process = start(
                command,
                bufsize=0,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if one_pipe else subprocess.PIPE,
                close_fds=False,
                process_group=0 if self._own_group else None,
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            why = "not found" if missing else reason_of(error)
            raise NotStarted(why, NOT_FOUND if missing else NOT_EXECUTABLE) from None
        self._relay.attach(self._send, shares_keys=not self._own_group)

    def _send(self, number: int) -> None:
        if not self._own_group:
            self._process.send_signal(number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    @property
    def timed_out(self) -> bool:
        """Whether it ran too long."""
        return self._limit.is_over

    def pass_on(self, keep: Callable[[int, bytes], None], output: Output) -> int:
        """Take its output until it has ended, and return its status as a shell does; TIMED_OUT if it ran too long.

        Processes that it left running are not waited for. Their output goes on through ``cat``.

        Args:
            keep: called with 1 or 2, for stdout or stderr, and each piece of the output.
            output: where the output goes.
        """
        both = ((self._process.stdout, 1), (self._process.stderr, 2))
        pipes = {pipe: stream for pipe, stream in both if pipe is not None}
        ended, tell = os.pipe()
        threading.Thread(target=_wait, args=(self._process, tell), daemon=True).start()
        while True:
            waited: list[IO[bytes] | int] = [*pipes, ended]
            ready, _, _ = select.select(waited, [], [], self._limit.next_step())
            for pipe in [pipe for pipe in pipes if pipe in ready]:
                if not _take(pipe.fileno(), pipes[pipe], keep, output):
                    del pipes[pipe]
                    pipe.close()
            if ended in ready and not any(pipe in ready for pipe in pipes):
                break
        self._relay.detach()
        for pipe, stream in pipes.items():
            _leave_to_cat(pipe, stream)
        if self._limit.is_over:
            return TIMED_OUT
        status = self._process.returncode
        return status if status >= 0 else 128 - status


class _TimeLimit:
    """Ends a program that runs too long: SIGTERM, then SIGKILL."""

    def __init__(self, seconds: float | None, send: Callable[[int], None]) -> None:
        self._send = send
        now = time.monotonic()
        self._steps = [] if seconds is None else [(now + seconds, signal.SIGTERM)]
        self.is_over = False

    def next_step(self) -> float | None:
        """Do what is due; return the seconds until there is more to do."""
        while self._steps and (left := self._steps[0][0] - time.monotonic()) <= 0:
            at, number = self._steps.pop()
            self.is_over = True
            self._send(number)
            if number == signal.SIGTERM:
                self._send(signal.SIGCONT)  # a stopped program has to wake up to end
                self._steps.append((at + KILL_AFTER, signal.SIGKILL))
        return left if self._steps else None


def is_one_file(one: int, other: int) -> bool:
    """Return whether two descriptors are open on one file, as after ``2>&1``: then order counts between them."""
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False


def _wait(process: subprocess.Popen[bytes], tell: int) -> None:
    process.wait()
    os.close(tell)


def _take(pipe: int, stream: int, keep: Callable[[int, bytes], None], output: Output) -> bool:
    """Take what can be read. Return False at the end, and if nobody reads it any more."""
    data = os.read(pipe, _READ)
    if not data:
        return False
    keep(stream, data)
    return output.write(stream, data)


def _leave_to_cat(pipe: IO[bytes], stream: int) -> None:
    """Let another program pass on what comes of a pipe that a process in the background still has open.

    Closed, that process would be ended by its next line; and we have a status to return.
    """
    ends = [(os.POSIX_SPAWN_DUP2, pipe.fileno(), 0), (os.POSIX_SPAWN_DUP2, stream, 1)]
    with contextlib.suppress(OSError, NotImplementedError):  # the latter where libc can't begin a session in it
        os.posix_spawnp("cat", ["cat"], os.environ, file_actions=ends, setsid=True, setsigdef=[signal.SIGPIPE])
    pipe.close()
