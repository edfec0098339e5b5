"""What a flood of refused names costs everybody else: ``python benchmarks/hello_flood.py [--connections 20]``.

A server of its own; a member pings it every 5 ms, first with nothing else going on, then while so many connections each
send 4,090 names that are refused, without waiting for an answer; then while each of them does so again and again for
five seconds, from loopback, which no limit for addresses holds back. It prints the longest wait for an answer in each,
and the lines in the server's log.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from chatctl.bench.metrics import usage_of

NAMES = b"!\n" * 4090
QUIET_SECONDS = FLOOD_SECONDS = 5.0


class Member(threading.Thread):
    """Pings, and notes how long each answer took, in seconds."""

    def __init__(self, port: int) -> None:
        """Come in."""
        super().__init__(daemon=True)
        self.waits: list[float] = []
        self._over = threading.Event()
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.sendall(b'{"type":"hello","v":1,"mode":"watch"}\n')
        self._answers = self._sock.makefile("rb")
        self._read(b'"welcome"')

    def run(self) -> None:
        """Ping until ``stop``."""
        while not self._over.wait(0.005):
            begun = time.perf_counter()
            self._sock.sendall(b'{"type":"ping"}\n')
            self._read(b'"pong"')
            self.waits.append(time.perf_counter() - begun)

    def _read(self, what: bytes) -> None:
        while what not in (line := self._answers.readline()):
            if not line or b'"error"' in line:
                sys.exit(f"the run is void: {line!r}")

    def stop(self) -> list[float]:
        """Return all the waits."""
        self._over.set()
        self.join()
        self._answers.close()
        self._sock.close()
        return sorted(self.waits)


def flood(port: int) -> None:
    """Open a connection, send the names, and read until the server closes it."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(NAMES)
        while sock.recv(65536):
            pass


def at_once(port: int, connections: int, seconds: float) -> int:
    """Flood from so many threads, each once or for so long; return how many connections that were."""
    ends = time.monotonic() + seconds
    done = [0] * connections

    def run(number: int) -> None:
        while not done[number] or time.monotonic() < ends:
            flood(port)
            done[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


@contextlib.contextmanager
def server(folder: str) -> Iterator[tuple[int, int, Path]]:
    """Run a server; yield its port, its process and its log."""
    log = Path(folder) / "log"
    command = [sys.executable, "-m", "chatctl", "serve", "--port", "0", "--journal", "none"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=out, text=True) as process:
        if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(process.pid, {0})
            os.sched_setaffinity(0, set(range(1, os.cpu_count() or 2)))
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rsplit(":", 1)[1]), process.pid, log
        finally:
            process.terminate()


def told(what: str, waits: Sequence[float], lines: int, cpu: float, connections: int) -> str:
    """Return a line of the table. ``waits`` are sorted."""
    middle = waits[len(waits) // 2] * 1e3
    return f"{what:24} {connections:11} {middle:11.2f} ms {waits[-1] * 1e3:8.1f} ms {cpu:7.2f} s {lines:9}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--flood", help=argparse.SUPPRESS)  # in a process of its own, so that the member can run
    options = parser.parse_args()
    connections = options.connections
    if options.flood:
        port, _, seconds = options.flood.partition(":")
        print(at_once(int(port), connections, float(seconds)))
        return
    print(f"{'':24} connections  median wait   longest  server's CPU  log lines")
    with tempfile.TemporaryDirectory() as folder, server(folder) as (port, pid, log):
        for what, seconds in (("nothing", -1.0), ("once each", 0.0), ("again and again", FLOOD_SECONDS)):
            member = Member(port)
            before, cpu = log.read_bytes().count(b"\n"), usage_of(pid).cpu
            member.start()
            if seconds < 0:
                time.sleep(QUIET_SECONDS)
                done = 0
            else:
                command = [sys.executable, __file__, "--connections", str(connections), "--flood", f"{port}:{seconds}"]
                done = int(subprocess.run(command, check=True, capture_output=True).stdout)
            waits = member.stop()
            print(told(what, waits, log.read_bytes().count(b"\n") - before, usage_of(pid).cpu - cpu, done))


if __name__ == "__main__":
    main()
