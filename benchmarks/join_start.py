"""What ``join`` costs: the time to its prompt as multiples of ``python -c pass``, and its memory in three large rooms.

    .venv/bin/python benchmarks/join_start.py [--runs 20] [--members 5000]

Both programs are run in turn, so that a busy machine slows them alike; the prompt is there once the terminal has been
asked for bracketed paste. The memory is the resident set (VmRSS) in the rooms, and the most that it ever was (VmHWM),
before and after the list of members was asked for in each. Linux only; it needs three sockets for each member.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import fcntl
import os
import pty
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ROOMS = ("lobby", "ops", "dev")
PROMPT = b"\x1b[?2004h"
SECONDS = 60.0


class Window:
    """A program on a terminal of 80 columns."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        """Start it."""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self._data = b""
        self.process = subprocess.Popen(
            argv,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def wait_for(self, wanted: bytes) -> None:
        """Read until ``wanted`` has come since the last call."""
        end = time.monotonic() + SECONDS
        poll = select.poll()  # with so many sockets the descriptor is over select's limit
        poll.register(self._master, select.POLLIN)
        while wanted not in self._data:
            if time.monotonic() > end or not poll.poll(SECONDS * 1000):
                raise TimeoutError(f"no {wanted!r} after {self._data[-500:]!r}")
            self._data += os.read(self._master, 65536)
        self._data = self._data.partition(wanted)[2]

    def keys(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def memory(self) -> tuple[float, float]:
        """Return the resident set now, and the most that it was, in MB (1,000,000 bytes)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        now, most = (re.search(rf"{name}:\s+(\d+) kB", status) for name in ("VmRSS", "VmHWM"))
        assert now is not None
        assert most is not None
        return int(now[1]) * 1024 / 1e6, int(most[1]) * 1024 / 1e6

    def close(self) -> None:
        """End it as its user does."""
        with contextlib.suppress(OSError):
            self.keys(b"\x15\x04")
            while os.read(self._master, 65536):
                pass
        self.process.wait()
        os.close(self._master)


@contextlib.contextmanager
def server(env: dict[str, str], clients: int) -> Iterator[int]:
    """Run a server with the rooms on a free port; yield the port."""
    rooms = [word for room in ROOMS for word in ("--room", room)]
    options = ["--port", "0", "--journal", "none", "--rate", "off", "--max-clients", str(clients), "--quiet"]
    command = [sys.executable, "-m", "chatctl", "serve", *options, *rooms]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.terminate()


def fill(port: int, members: int) -> list[socket.socket]:
    """Let so many members into each room; they read nothing but what they are told on entering."""
    socks = []
    for room in ROOMS:
        for number in range(members):
            sock = socket.create_connection(("127.0.0.1", port))
            hello = f'{{"type":"hello","v":1,"nick":"{room}-member-{number:05d}","room":"{room}"}}\n'
            sock.sendall(hello.encode())
            socks.append(sock)
            while b'"welcome"' not in sock.recv(65536):
                pass
    return socks


class Cost(NamedTuple):
    """What a start takes, in seconds."""

    wall: float
    cpu: float
    """Processor time of the main thread: what others do on the machine counts less in it."""


def nothing(env: dict[str, str]) -> Cost:
    """Run ``python -c pass``."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", "pass"], env=env)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0  # it is waited for already
    return Cost(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime)


def prompt_of(join: list[str], env: dict[str, str]) -> Cost:
    """Start ``join``, until its prompt is there."""
    begun = time.perf_counter()
    window = Window(join, env)
    window.wait_for(PROMPT)
    wall = time.perf_counter() - begun
    nanoseconds = Path(f"/proc/{window.process.pid}/schedstat").read_text().split()[0]
    window.close()
    return Cost(wall, int(nanoseconds) / 1e9)


def print_start(join: list[str], runs: int, env: dict[str, str]) -> None:
    """Start both ``runs`` times, in turn, and print what they take."""
    base, ours = [], []
    for turn in range(runs + 1):
        costs = nothing(env), prompt_of(join, env)
        if turn:  # the first one warms the disk's cache
            base.append(costs[0])
            ours.append(costs[1])
    print(f"{'':16} median ms  x pass   least ms  x pass")
    for at, what in enumerate(("wall clock", "processor time")):
        pick = [[cost[at] for cost in costs] for costs in (base, ours)]
        for name, seconds in zip(("python -c pass", "join"), pick, strict=True):
            middle, least = statistics.median(seconds), min(seconds)
            ratios = middle / statistics.median(pick[0]), least / min(pick[0])
            print(f"{name:16} {middle * 1000:9.1f}  {ratios[0]:6.1f}  {least * 1000:9.1f}  {ratios[1]:6.1f}  {what}")


def memory_in_rooms(join: list[str], env: dict[str, str]) -> None:
    """Print what ``join`` has in memory in all rooms."""
    window = Window([*join, *(word for room in ROOMS for word in ("--room", room))], env)
    window.wait_for(PROMPT)
    for number, room in enumerate(ROOMS, 1):
        window.keys(f"/{number}\r".encode())
        window.wait_for(f"You are me in {room}".encode())
    print("in the rooms:           {:5.1f} MB, at most {:5.1f} MB".format(*window.memory()))
    for number in range(1, len(ROOMS) + 1):
        window.keys(f"/{number}\r/who\r".encode())
        window.wait_for(b" here:")
    print("after /who in each:     {:5.1f} MB, at most {:5.1f} MB".format(*window.memory()))
    window.close()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--members", type=int, default=5000)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    compileall.compile_dir(ROOT / "chatctl", quiet=1)
    with tempfile.TemporaryDirectory() as state:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CHATCTL_", "PYTHON"))}
        env |= {"CHATCTL_STATE_DIR": state, "XDG_CONFIG_HOME": state, "TERM": "xterm-256color"}
        with server(env, len(ROOMS) * options.members + 100) as port:
            join = [str(Path(sys.executable).with_name("chatctl")), "join", "--port", str(port), "--nick", "me"]
            print_start(join, options.runs, env)
            socks = fill(port, options.members)
            print(f"three rooms of {options.members:,} members:")
            memory_in_rooms(join, env)
            for sock in socks:
                sock.close()


if __name__ == "__main__":
    main()
