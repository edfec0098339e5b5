"""A long run: is anything lost, repeated or out of order when the server is killed a thousand times?

    python benchmarks/chaos.py [--cycles 1000] [--every 1 3] [--folder DIR]
    python benchmarks/chaos.py --servers 3 [--standbys 2] [--cycles 300] [--older PYTHON]

Senders and readers talk through a bad network to a server that is killed (SIGKILL), stopped (SIGSTOP) and starved of
disk. With ``--servers``, several share a journal in PostgreSQL; they and the engine are killed, stopped, cut off and
started again; with ``--standbys``, synchronous standbys take over, again and again; with ``--older``, one server is
another version of chatctl. Then a verifier that shares no
code with any of them compares what they wrote down with the database.
The machinery is that of tests/system/chaos/; docs/reliability.md says how to read the result. ``--folder`` keeps
everything: ``python tests/system/chaos/verifier.py DIR`` gives the verdict again.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.older import installed
from tests.system.chaos.disk import small_disk
from tests.system.chaos.news import News
from tests.system.chaos.ordeal import Outcome, run
from tests.system.chaos.plan import Plan
from tests.system.chaos.tormentor import Tally
from tests.system.chaos.verifier import describe

_BAR = 40


def progress(cycles: int) -> Callable[[int, Tally, News], None]:
    """Return a function that shows the progress: a bar on a terminal, else twenty lines in all."""
    started = time.monotonic()

    def show(cycle: int, tally: Tally, news: News) -> None:
        if not sys.stderr.isatty() and cycle % max(1, cycles // 20) and cycle < cycles:
            return
        done = "#" * (_BAR * cycle // cycles)
        left = (time.monotonic() - started) * (cycles - cycle) / cycle
        line = (
            f"[{done:<{_BAR}}] {cycle}/{cycles}, {tally.kills} kills, {tally.stops} stops, {tally.starved} times full,"
            f" {tally.cuts} cuts, {news.count('ack'):,} acked, {left / 60:.0f} min left"
        )
        ends = ("\r", "\033[K" + ("\n" if cycle == cycles else "")) if sys.stderr.isatty() else ("", "\n")
        print(ends[0] + line, end=ends[1], file=sys.stderr, flush=True)

    return show


def summary(outcome: Outcome, seconds: float) -> str:
    """Return the counts, a line each."""
    tally = outcome.tally
    rows = {
        "kills (SIGKILL)": tally.kills,
        "  before it listened": tally.stillborn,
        "stops (SIGSTOP)": tally.stops,
        "disk-full episodes": tally.starved,
        "starts refused, full": tally.full_starts,
        "cuts": tally.cuts,
        "servers swept": tally.sweeps,
    } | {f"  {name}": count for name, count in sorted(tally.events.items())}
    lines = [f"{name:<30}{count:>12,}" for name, count in rows.items()]
    return "\n".join([*lines, describe(outcome.verdict), f"{seconds:.0f} s"])


def main() -> None:
    """Run it and print the summary. The exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=1000, help="how often a server is killed, or what else [1000]")
    parser.add_argument("--servers", type=int, default=1, help="several have a journal in PostgreSQL [1]")
    parser.add_argument("--standbys", type=int, default=0, help="several: the engine's synchronous standbys [0]")
    parser.add_argument("--older", metavar="PYTHON", help="several: a Python with another chatctl, for some servers")
    parser.add_argument("--older-servers", type=int, default=1, help="how many [1]")
    parser.add_argument("--every", type=float, nargs=2, default=(1.0, 3.0), metavar="S", help="seconds of life [1 3]")
    parser.add_argument("--senders", type=int, default=10)
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--rate", type=float, default=30.0, help="messages a second of each sender [30]")
    parser.add_argument("--durability", choices=("os", "disk"), default="disk")
    parser.add_argument(
        "--small-disk", type=int, metavar="MB", help="a file system in memory, or one for each engine (root)"
    )
    parser.add_argument("--seed", default="0")
    parser.add_argument("--folder", type=Path, help="an empty folder in which everything is kept")
    options = parser.parse_args()
    several = options.servers > 1
    plan = Plan(
        cycles=options.cycles,
        senders=options.senders,
        readers=options.readers,
        rate=options.rate,
        every=tuple(options.every),
        durability="replica" if options.standbys else options.durability,
        seed=options.seed,
        servers=options.servers,
        standbys=options.standbys,
        engine_disk=options.small_disk if several else None,
        contestants=3 if several else 0,
        text_members=2 if several else 0,
        classic_members=2 if several else 0,
        join_members=2 if several else 0,
        commands=1 if several else 0,
        older=installed(options.older) if options.older else (),
        older_servers=options.older_servers if options.older else 0,
    )
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        disk, where = None, None
        if options.small_disk and not several:
            where = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            disk = stack.enter_context(small_disk(where, options.small_disk))
            if disk is None:
                sys.exit("a file system can't be mounted here: leave --small-disk out")
        started = time.monotonic()
        outcome = run(plan, folder, progress(plan.cycles), disk=disk, where=where)
        print(summary(outcome, time.monotonic() - started))
    sys.exit(bool(outcome.verdict.broken))


if __name__ == "__main__":
    main()
