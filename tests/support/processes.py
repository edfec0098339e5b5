"""What a command that a test started printed, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess

from tests.support.environment import DEADLINE


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that a test started, and close its pipes. How it was, and its last words, are printed: pytest
    shows them below a test that failed."""
    ended = process.poll()
    if ended is None:
        process.send_signal(signal.SIGKILL)
    process.wait(DEADLINE)
    if process.stderr is not None and not process.stderr.closed:
        os.set_blocking(process.stderr.fileno(), False)  # a child of it may have the other end
        with contextlib.suppress(OSError):
            print(
                process.args,
                "ran on" if ended is None else f"ended with {ended}",
                (process.stderr.read() or b"")[-1000:],
            )
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


def free_port() -> int:
    """Return a port of this machine that nothing listens at, for a program that can't take one by itself."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
