"""One server on a core of its own, ended in every case; and a deadline for every step."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from arena.peers import Peer
from chatctl.bench.metrics import Usage, usage_of
from chatctl.client.core.address import Address

START_SECONDS = 15.0
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class RunFailed(Exception):
    """A run has no figures; the text is the reason, in one line."""


@dataclass
class Server:
    """A server that runs."""

    peer: Peer
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> Address:
        """The address on which it listens."""
        return Address("127.0.0.1", self.port)

    def usage(self) -> Usage:
        """Return its CPU and memory."""
        return usage_of(self.process.pid)

    def said(self) -> str:
        """Return the end of what it printed."""
        with suppress(OSError):
            return (self.folder / "log").read_text(errors="replace")[-300:].replace("\n", " | ")
        return ""


def cores() -> tuple[int, int]:
    """Return the core for the server and the one for the load; the same where there is only one."""
    here = sorted(os.sched_getaffinity(0))
    return here[0], here[-1]


@contextmanager
def running(peer: Peer, core: int | None, port: int = 0, folder: Path | None = None) -> Iterator[Server]:
    """Run a server until the block ends.

    Args:
        peer: the server.
        core: the CPU core on which it runs; None is any.
        port: 0 is a free one.
        folder: for its files, if they are to outlive it.

    Raises:
        RunFailed: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="arena") as own:
        server = _start(peer, core, port or free_port(), folder or Path(own))
        try:
            _wait_for(server)
            yield server
        finally:
            server.process.kill()
            server.process.wait()


def _start(peer: Peer, core: int | None, port: int, folder: Path) -> Server:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CHATCTL_")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            peer.argv(port, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: _settle_down(core),
            env=kept | {"GOMAXPROCS": "1", "CHATCTL_STATE_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )
    return Server(peer, port, folder, process)


def _settle_down(core: int | None) -> None:
    """In the child, before its program starts: pin all its threads to a core, and have it killed when we end."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.process.poll() is None:
        if _listens(server.port):
            return
        time.sleep(0.02)
    raise RunFailed(f"{server.peer.name} did not start: {server.said() or 'it said nothing'}")


def _listens(port: int) -> bool:
    """Return whether a server listens on a port, without connecting: ncat ends when a first client has left."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """Bound a step of the main thread. Raises RunFailed inside the block when the time is over."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise RunFailed(f"{what}: not done within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
