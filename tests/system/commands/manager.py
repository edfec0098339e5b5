"""What stands in systemd's place: it holds listening sockets, and starts servers on them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.environment import CHATCTL, DEADLINE, clean_env
from tests.support.processes import kill

TAKES = """
import os, sys
for place, fd in enumerate(map(int, os.environ["FDS"].split()), 3):
    os.dup2(fd, place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Puts descriptors where systemd puts them, names the process that it becomes, and becomes the server."""


class Manager:
    """Holds listening sockets, and starts servers on them."""

    def __init__(self, folder: Path, **sockets: socket.socket) -> None:
        self.folder = folder
        self.sockets = sockets

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        high = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, 100) for sock in self.sockets.values()]
        names = ":".join(name.rstrip("_") for name in self.sockets)
        env = clean_env(self.folder / "state", FDS=" ".join(map(str, high)), LISTEN_FDS=str(len(high)))
        process = subprocess.Popen(
            [sys.executable, "-c", TAKES, *CHATCTL, "serve", "--journal", str(self.folder / "rooms.db"), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env | {"LISTEN_FDNAMES": names},
            pass_fds=high,
        )
        for number in high:
            os.close(number)
        return process

    @contextlib.contextmanager
    def running(self, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
        """Run a server; give it, and what it printed up to the line that says how to join."""
        process = self.start(*options)
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line.decode().strip())
                if lines[-1].startswith("join with"):
                    break
            yield process, lines
        finally:
            process.terminate()
            try:
                process.communicate(timeout=DEADLINE)
            finally:
                kill(process)


@contextlib.contextmanager
def handed_over(folder: Path, name: str, port: str) -> Iterator[tuple[int, str]]:
    """Run a server with ``--NAME PORT`` on sockets that it is handed; give that port, and the line that tells of it."""
    with contextlib.ExitStack() as stack:
        plain, other = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        manager = Manager(folder, plain=plain, **{name: other})
        _, lines = stack.enter_context(manager.running(f"--{name}", port))
        yield other.getsockname()[1], lines[1]
