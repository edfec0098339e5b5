"""What durability costs: acknowledged messages a second, and how long an acknowledgement takes.

    python benchmarks/durability.py [--seconds 4] [--turns 3]

1, 10 and 100 senders at ``none``, ``os`` and ``disk``; each has one message under way, or (pipelined) 64. Then the
fan-out to many members with the journal and without it. The server has one core and the load another one, where there
are two. Variants are measured in turns. The ratio is the median over the turns; what stands beside it is the best turn,
the one that the rest of the machine disturbed least. An ``fdatasync`` of the same disk is timed as well: one message at
a time can't be acknowledged faster than that.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chatctl.bench.load import Load
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address

LEVELS = ("none", "os", "disk")
_OPTIONS = ("--port", "0", "--rate", "off", "-q", "--max-clients", "20000")
_WARM_UP = 0.5
"""Seconds in which nothing is counted."""


@dataclass(slots=True)
class Result:
    """One measurement. Latencies are seconds."""

    rate: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies, in milliseconds; ``share`` is 0 to 1."""
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))] * 1e3


@contextmanager
def server(level: str, folder: Path) -> Iterator[int]:
    """Run a server on core 0, with a new journal; yield its port."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        journal = ("none",) if level == "none" else (f"{fresh}/rooms.db", "--durability", level)
        command = [sys.executable, "-m", "chatctl", "serve", *_OPTIONS, "--journal", *journal]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {0})
            assert process.stdout is not None
            yield int(process.stdout.readline().rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait()


class Sender:
    """A connection with ``window`` messages under way. As little code as possible: the server is to be measured."""

    def __init__(self, port: int, name: str, window: int, size: int) -> None:
        """Connect and join."""
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        token = os.urandom(16).hex()
        self.sock.sendall(f'{{"type":"hello","v":1,"nick":"{name}","mode":"post","token":"{token}"}}\n'.encode())
        data = b""
        while b"\n" not in data:
            data += self.sock.recv(1 << 16)
        if b'"welcome"' not in data:
            raise SystemExit(f"not let in: {data!r}")
        self.sock.setblocking(False)
        self._text = "x" * size
        self._tail = b""
        self._count = 0
        self._window = window
        self._sent: dict[int, float] = {}  # by id; acknowledged in order, so the first one is the oldest

    def fill(self) -> None:
        """Send messages until ``window`` are under way."""
        lines = []
        now = time.perf_counter()
        while len(self._sent) < self._window:
            self._count += 1
            self._sent[self._count] = now
            lines.append(f'{{"type":"say","id":"{self._count}","text":"{self._text}"}}\n')
        self.sock.sendall("".join(lines).encode())

    def take(self) -> list[float]:
        """Read, and return the latency of each acknowledgement."""
        *lines, self._tail = (self._tail + self.sock.recv(1 << 16)).split(b"\n")
        now = time.perf_counter()
        latencies = []
        for line in lines:
            if not line.startswith(b'{"type":"ack","id":"'):
                raise SystemExit(f"not an acknowledgement: {line!r}")
            ident = int(line[20 : line.index(b'"', 20)])
            latencies.append(now - self._sent.pop(ident))
        return latencies


def measure(level: str, folder: Path, senders: int, window: int, seconds: float) -> Result:
    """Measure ``senders`` senders for ``seconds`` seconds."""
    result = Result()
    with server(level, folder) as port, select.epoll() as poll:
        everybody = {}
        for number in range(senders):
            sender = Sender(port, f"s{number}", window, size=64)
            everybody[sender.sock.fileno()] = sender
            poll.register(sender.sock, select.EPOLLIN)
        for sender in everybody.values():
            sender.fill()
        began = time.perf_counter() + _WARM_UP
        end = began + seconds
        while (now := time.perf_counter()) < end:
            for fd, _ in poll.poll(1):
                latencies = everybody[fd].take()
                if now >= began:
                    result.latencies += latencies
                everybody[fd].fill()
        result.rate = len(result.latencies) / (now - began)
        for sender in everybody.values():
            sender.sock.close()
    return result


def fan_out(level: str, folder: Path, members: int, seconds: float) -> float:
    """Return the deliveries a second to ``members`` members, from one sender with 64 messages under way."""
    with server(level, folder) as port:
        load = Load(Workload(Address("127.0.0.1", port), members=members, seconds=seconds))
        try:
            load.join()
            outcome = load.run()
        finally:
            load.close()
    if outcome.faults:
        sys.exit(f"the run is void: {outcome.faults[:3]}")
    return outcome.delivered / outcome.seconds


def sync_milliseconds(folder: Path, times: int = 200) -> float:
    """Return the median time of an fdatasync after appending 4 KiB."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(times):
            os.write(file.fileno(), bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def report_acks(folder: Path, counts: Sequence[int], window: int, seconds: float, turns: int) -> None:
    """Measure and print a table: a line for each number of senders and level."""
    print(f"\n{window} under way each")
    print(f"{'senders':>7}  {'level':<5} {'of none':>8} {'acked/s':>9} {'p50 ms':>8} {'p99 ms':>8}")
    for count in counts:
        results: dict[str, list[Result]] = {level: [] for level in LEVELS}
        for _ in range(turns):
            for level in LEVELS:
                results[level].append(measure(level, folder, count, window, seconds))
        for level in LEVELS:
            pairs = zip(results[level], results["none"], strict=True)
            ratio = statistics.median(one.rate / none.rate for one, none in pairs)
            best = max(results[level], key=lambda one: one.rate)
            times = f"{best.percentile(0.5):>8.2f} {best.percentile(0.99):>8.2f}"
            print(f"{count:>7}  {level:<5} {ratio:>7.0%} {best.rate:>10,.0f} {times}", flush=True)


def report_fan_out(folder: Path, members: int, seconds: float, turns: int) -> None:
    """Measure and print what the journal takes from the fan-out."""
    rates: dict[str, list[float]] = {level: [] for level in LEVELS}
    for _ in range(turns):
        for level in LEVELS:
            rates[level].append(fan_out(level, folder, members, seconds))
    print(f"\nfan-out to {members} members\n{'level':<5} {'of none':>8} {'M deliveries/s':>15}")
    for level in LEVELS:
        ratio = statistics.median(one / none for one, none in zip(rates[level], rates["none"], strict=True))
        print(f"{level:<5} {ratio:>7.0%} {max(rates[level]) / 1e6:>15.2f}", flush=True)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--senders", type=int, nargs="*", default=[1, 10, 100])
    parser.add_argument("--members", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to be measured")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    print(f"{os.cpu_count()} cores; an fdatasync takes {sync_milliseconds(options.folder):.2f} ms (median)")
    for window in (1, 64):
        report_acks(options.folder, options.senders, window, options.seconds, options.turns)
    report_fan_out(options.folder, options.members, options.seconds, options.turns)


if __name__ == "__main__":
    main()
