"""Measures what the sweep gains: deliveries per CPU second, against a server with one write per message and member.

    python benchmarks/sweep.py [--members 1000] [--seconds 5] [--turns 3]

Both servers are chatctl; the second one has its sweep replaced by the loop that chat tutorials teach. They are measured
in turns, each on a core of its own with the load on another one; the ratio is what counts, the machine is noisy.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from chatctl.bench.load import Load, Outcome
from chatctl.bench.metrics import usage_of
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address

NAIVE = """
from chatctl.core.room import Room

def sweep(room, now):
    news = room.roster.news.frames(len(room.roster)) if room.roster.news else []
    room._swept = room.ring.last
    for reader in list(room.readers):
        for frame in news:
            reader.send(reader.dialect.render(frame))
        for entry in room.ring.entries(reader.after, 1 << 30):
            reader.send(reader.dialect.render(entry))
            reader.after = entry.seq
    return False

Room.sweep = sweep
"""
SERVE = "from chatctl.main import main; main('serve --port 0 --rate off --journal none -q --max-clients 20000'.split())"


def serve(naive: bool) -> tuple[subprocess.Popen[str], int]:
    """Start a server on core 0; return its process and its port."""
    code = (NAIVE if naive else "") + SERVE
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {0})
    assert process.stdout is not None
    return process, int(process.stdout.readline().rsplit(":", 1)[1])


def measure(naive: bool, members: int, seconds: float) -> tuple[float, Outcome]:
    """Return the deliveries per CPU second of the server, and the outcome."""
    process, port = serve(naive)
    load = Load(Workload(Address("127.0.0.1", port), members=members, seconds=seconds))
    try:
        load.join()
        before = usage_of(process.pid).cpu
        outcome = load.run()
        used = usage_of(process.pid).cpu - before
    finally:
        load.close()
        process.terminate()
        process.wait()
    if outcome.faults:
        sys.exit(f"the run is void: {outcome.faults[:3]}")
    return outcome.delivered / used, outcome


def main() -> None:
    """Measure in turns and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    results: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(options.turns):
        for naive in (False, True):
            rate, outcome = measure(naive, options.members, options.seconds)
            results[naive].append(rate)
            name = "one write each" if naive else "sweep"
            wall = outcome.delivered / outcome.seconds
            share = outcome.own_cpu / outcome.seconds
            print(f"{name:<15} {rate / 1e6:6.2f} M deliveries/CPU s   {wall / 1e6:6.2f} M/s   load's CPU {share:4.0%}")
    ratios = [fast / slow for fast, slow in zip(results[False], results[True], strict=True)]
    print(
        f"{options.members} members: the sweep gives {statistics.median(ratios):.1f} times as much"
        f" (median of {len(ratios)})"
    )


if __name__ == "__main__":
    main()
