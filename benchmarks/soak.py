"""A long run: is what a server takes the same after an hour, and is nothing lost, whatever is done to it?

    python benchmarks/soak.py [--minutes 60] [--members 500] [--folder DIR]

Members come, go, stall, flood, rename, whisper and ask for pages; meanwhile the operator takes backups, compacts,
redacts, reloads, mutes, sets the clock and stops reading the log. Resident memory, descriptors, the WAL and the time to
answer a ping are sampled; the median of the last quarter has to be about that of the second. All that was acknowledged
has to be shown to one who reads everything, and each member has to be shown each number once. Linux only.
The machinery is that of tests/system/soak/; docs/reliability.md has the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.system.soak.ledger import Ledger
from tests.system.soak.run import Outcome, Plan, soak
from tests.system.soak.samples import MIB, Sample

UNITS = {"rss": (" MiB", MIB), "descriptors": ("", 1), "wal": (" MiB", MIB), "lag": (" ms", 0.001)}


def progress(minutes: float) -> Callable[[Sample, Ledger], None]:
    """Return a function that prints a line now and then."""
    begun = shown = time.monotonic()

    def show(sample: Sample, ledger: Ledger) -> None:
        nonlocal shown
        if time.monotonic() - shown < max(10.0, minutes):
            return
        shown = time.monotonic()
        print(
            f"{(shown - begun) / 60:5.1f} min  {sample.rss / MIB:6.1f} MiB  {sample.descriptors} descriptors"
            f"  WAL {sample.wal / MIB:5.1f} MiB  ping {1000 * sample.lag:5.1f} ms  {ledger.counts['acked']:,} acked"
            f"  {ledger.counts['shown']:,} shown  {ledger.counts['faults']} faults",
            file=sys.stderr,
            flush=True,
        )

    return show


def report(outcome: Outcome) -> str:
    """Return the verdict and what it rests on."""
    lines = ["| | second quarter | last quarter | most | |", "|---|---|---|---|---|"]
    for trend in outcome.trends:
        unit, by = UNITS[trend.name]
        values = (trend.second_quarter, trend.last_quarter, trend.most)
        figures = [f"{value / by:,.1f}{unit}" for value in values]
        lines.append(f"| {trend.name} | {' | '.join(figures)} | {'flat' if trend.is_flat else 'GREW'} |")
    lines += ["", *(f"{count:>12,}  {name}" for name, count in sorted(outcome.ledger.counts.items()))]
    lines += [f"{outcome.log_lines:>12,}  lines of the log", ""]
    lines += [f"FAULT: {fault}" for fault in outcome.ledger.faults]
    lines += [f"LOG: {line.strip()}" for line in outcome.trouble[:20]]
    lines.append(f"exit code of the server: {outcome.exit_code}")
    lines.append("verdict: " + ("flat, and nothing lost" if outcome.is_good else "NOT GOOD"))
    return "\n".join(lines)


def main() -> int:
    """Run it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    plan = Plan(
        members=options.members,
        seconds=60 * options.minutes,
        pace=max(1.0, options.members / 25),
        pause=min(10.0, 2 * options.minutes),
        every=min(2.0, options.minutes),
        seed=options.seed,
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "CHATCTL_STATE_DIR": str(folder / "state")}
        outcome = asyncio.run(soak(plan, folder, env, progress(options.minutes)))
        print(report(outcome))
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
