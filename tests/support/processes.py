"""What a command that a test started printed, and how it is ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess

from tests.support.environment import DEADLINE


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that a test started, and close its pipes."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def err_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the one line that a command printed on stderr."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def line_of(process: subprocess.Popen[bytes]) -> str:
    """Read a line that a command prints."""
    assert process.stdout is not None
    return process.stdout.readline().decode().rstrip("\n")


def told(process: subprocess.Popen[bytes]) -> str:
    """Return all that a command printed on stderr, after it has ended."""
    assert process.stderr is not None
    return process.stderr.read().decode()
