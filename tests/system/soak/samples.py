"""Samples of a server's process from outside, and whether they are flat."""

from __future__ import annotations

import json
import re
import socket
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One moment."""

    seconds: float
    rss: int
    descriptors: int
    wal: int
    lag: float
    """Seconds from a ping to its pong."""


@dataclass(frozen=True)
class Bound:
    """How far the last quarter's median may be over that of the second quarter."""

    ratio: float
    more: float


BOUNDS = {
    "rss": Bound(1.15, 16 * MIB),
    "descriptors": Bound(1.1, 20),
    "wal": Bound(2.0, 48 * MIB),  # written back every 40 MiB, so it goes up and down
    "lag": Bound(1.5, 0.05),
}


class Sampler:
    """Takes samples of one server."""

    def __init__(self, pid: int, port: int, journal: Path) -> None:
        """Connect."""
        self.samples: list[Sample] = []
        self._pid, self._wal = pid, journal.with_name(journal.name + "-wal")
        self._begun = time.monotonic()
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._sock.makefile("rb")
        self._file.read(4)
        self._sock.sendall(b'{"type":"hello","v":1,"nick":"","mode":"probe"}\n')
        self._until(b'"welcome"')

    def take(self) -> None:
        """Take one. Blocks until the server answers."""
        before = time.monotonic()
        self._sock.sendall(b'{"type":"ping","t":1}\n')
        self._until(b'"pong"')
        lag = time.monotonic() - before
        status = Path(f"/proc/{self._pid}/status").read_text()
        rss = int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) << 10
        wal = self._wal.stat().st_size if self._wal.exists() else 0
        descriptors = len(list(Path(f"/proc/{self._pid}/fd").iterdir()))
        self.samples.append(Sample(round(before - self._begun, 2), rss, descriptors, wal, round(lag, 4)))

    def _until(self, wanted: bytes) -> None:
        while wanted not in (line := self._file.readline()):
            if not line:
                raise ConnectionError("the server closed the sampler's connection")
            if b'"ping"' in line:
                self._sock.sendall(line.replace(b'"ping"', b'"pong"'))

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self._sock.close()

    def save(self, path: Path) -> None:
        """Write all of them, one JSON object a line."""
        path.write_text("".join(json.dumps(asdict(sample)) + "\n" for sample in self.samples))


@dataclass(frozen=True)
class Trend:
    """One figure over a run."""

    name: str
    second_quarter: float
    last_quarter: float
    most: float
    is_flat: bool


def trends(samples: Sequence[Sample]) -> list[Trend]:
    """Compare the quarters: the first one is left out, in which caches fill."""
    quarter = max(1, len(samples) // 4)
    found = []
    for name, bound in BOUNDS.items():
        values = [float(getattr(sample, name)) for sample in samples]
        early = statistics.median(values[quarter : 2 * quarter] or values)
        late = statistics.median(values[-quarter:])
        found.append(Trend(name, early, late, max(values), late <= bound.ratio * early + bound.more))
    return found
