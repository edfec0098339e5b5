"""chatctl compared with the programs one would use instead: one command measures all, and writes one page.

    pip install -e '.[bench]'; apt install ngircd ncat    # peers; one that is not installed is named as missing
    python benchmarks/compare.py --turns 5 --out benchmarks/RESULTS.md

The server has one core and the load another one. All entrants of a scenario run in turns, and ratios are taken turn by
turn: the machine is noisy, a ratio holds. Each scenario is saved in results.json beside the page as soon as it is
measured; ``--only NAME`` measures some again and leaves the others as they are.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from arena.loads import Scale
from arena.page import page, pictures
from arena.peers import Missing, all_peers
from arena.results import Measured, Results, machine, now
from arena.scenarios import Scenario, Tick, all_scenarios
from arena.server_process import RunFailed, cores, deadline

from chatctl.bench.connector import allow_files
from chatctl.errors import ChatError

FILES = 10_100
"""Open files that the scenario with the most members needs, in the server and in the load."""


def main() -> None:
    """Measure, and write the page."""
    options = arguments()
    signal.signal(signal.SIGTERM, _end)
    here, there = cores()
    os.sched_setaffinity(0, {there})
    if here == there:
        print("there is one core only: the server and the load share it, and ratios are all that counts")
    if why := few_files(options.quick):
        print(why)
    found = all_peers()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    results_at = options.out.with_name("results.json")
    results = Results.read(results_at)
    results.versions = {peer.name: peer.version for peer in found if not isinstance(peer, Missing)}
    results.missing = {peer.name: peer.why for peer in found if isinstance(peer, Missing)}
    for name, why in results.missing.items():
        print(f"missing: {name}, {why}")
    scenarios = all_scenarios(found)
    begun = time.monotonic()
    for scenario in chosen(scenarios, options.only):
        results.scenarios[scenario.name] = measure(scenario, options, scale(options, here))
        results.write(results_at)
        write(results, scenarios, options.out)
    write(results, scenarios, options.out)
    print(f"{options.out} is written; it took {time.monotonic() - begun:.0f} s")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="how often each entrant runs (5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a load talks (2)")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these scenarios alone")
    parser.add_argument("--peers", nargs="+", default=[], metavar="NAME", help="these entrants alone")
    parser.add_argument("--quick", action="store_true", help="tiny crowds: whether it works, no figures")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/RESULTS.md"), help="the page to write")
    return parser.parse_args()


def scale(options: argparse.Namespace, core: int) -> Scale:
    """Return how long and how big all loads are."""
    if options.quick:
        return Scale(min(options.seconds, 0.2), most=20, core=core, quiet_seconds=0.05, pairs=1)
    return Scale(options.seconds, core=core)


def chosen(scenarios: list[Scenario], only: list[str]) -> list[Scenario]:
    """Return the scenarios that are named in ``only``, all if it is empty."""
    if unknown := set(only) - {scenario.name for scenario in scenarios}:
        sys.exit(f"no scenario {', '.join(sorted(unknown))}: there are {' '.join(s.name for s in scenarios)}")
    return [scenario for scenario in scenarios if not only or scenario.name in only]


def few_files(quick: bool) -> str | None:
    """Raise the limit of open files for us and our children; return what cannot be measured if it stays too low."""
    try:
        allow_files(100 if quick else FILES)
    except ChatError as error:
        return f"the crowds of 10,000 can't be measured, the server and the load need a file each: {error.text}"
    return None


def measure(scenario: Scenario, options: argparse.Namespace, size: Scale) -> Measured:
    """Run all entrants in turns. One that fails has no figures for that turn; the others go on."""
    print(f"{scenario.name}: {scenario.title}", flush=True)
    entrants = {name: turn for name, turn in scenario.entrants.items() if not options.peers or name in options.peers}
    found = Measured({name: [] for name in entrants}, when=now(), quick=options.quick, machine=machine())
    for number in range(options.turns):
        for name, turn in entrants.items():
            begun = time.monotonic()
            figures, why = attempt(turn, size, scenario.seconds)
            found.turns[name].append(figures)
            if figures is None:
                found.failed.append(f"{name}, {why}")
            print(f"  {number + 1} {name:<30} {time.monotonic() - begun:5.1f} s  {shown(figures) or why}", flush=True)
    return found


def attempt(turn: Tick, size: Scale, seconds: float) -> tuple[dict[str, float] | None, str]:
    """Run one turn of one entrant; return its figures, or None and the reason."""
    try:
        with deadline(seconds, "this turn"):
            return turn(size), ""
    except (RunFailed, ChatError, OSError, ArithmeticError) as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def shown(figures: dict[str, float] | None) -> str:
    """Return the figures as one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in (figures or {}).items())


def write(results: Results, scenarios: list[Scenario], out: Path) -> None:
    """Write the page and its pictures."""
    plots = out.with_name("plots")
    plots.mkdir(exist_ok=True)
    out.write_text(page(results, scenarios))
    for name, picture in pictures(results).items():
        (plots / f"{name}.svg").write_text(picture)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
