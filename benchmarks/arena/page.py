"""RESULTS.md: ratios first, the figures behind them second, and what they were measured on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from arena.plot import bars, short
from arena.results import Measured, Results
from arena.scenarios import Scenario
from arena.targets import Verdict, verdicts

LIMIT = 0.95
"""CPU seconds a second from which on a process was at its limit."""

# figure: how it is called, its scale, its unit
SHOWN: dict[str, tuple[str, float, str]] = {
    "per_cpu_second": ("deliveries per CPU second", 1e-6, "M"),
    "deliveries_per_s": ("deliveries a second", 1e-6, "M"),
    "cpu_per_delivery": ("CPU a delivery", 1e6, "µs"),
    "p50": ("p50", 1e3, "ms"),
    "p99": ("p99", 1e3, "ms"),
    "longest": ("longest", 1e3, "ms"),
    "bytes_per_member": ("a member", 1 / 1024, "KiB"),
    "all_in": ("all in", 1, "s"),
    "idle_share_here": ("idle, a ping every 10 s", 100, "% of a core"),
    "pings_per_s": ("pings a second", 1, ""),
    "caught_up": ("all caught up", 1, "s"),
    "came_again": ("cut off on the way in, and came again", 1, ""),
    "messages_per_s": ("messages a second", 1, ""),
    "grown": ("memory grew by", 2**-20, "MiB"),
    "send": ("send", 1e3, "ms"),
    "python": ("python -c pass", 1e3, "ms"),
}
CHOSEN = {
    "burst": ("per_cpu_second", "deliveries_per_s"),
    "journal": ("per_cpu_second", "deliveries_per_s"),
    "paced": ("cpu_per_delivery", "p50", "p99", "longest"),
    "talk": ("cpu_per_delivery", "p50", "p99", "longest"),
    "memory": ("bytes_per_member",),
    "storm": ("all_in", "came_again", "bytes_per_member", "idle_share_here", "pings_per_s"),
    "herd": ("caught_up", "came_again"),
    "slow": ("messages_per_s", "per_cpu_second", "grown"),
    "start": ("send", "python"),
}


def page(results: Results, scenarios: list[Scenario]) -> str:
    """Return the text of RESULTS.md."""
    return "\n".join([*_head(results), *_targets(results), *_figures(results, scenarios), *_pictures(), *_how(), ""])


def _head(results: Results) -> Iterator[str]:
    yield "# Results"
    yield ""
    yield "Written by `python benchmarks/compare.py --turns 5 --out benchmarks/RESULTS.md`; every turn is in"
    yield "[results.json](results.json)."
    if any(one.quick for one in results.scenarios.values()):
        yield ""
        yield "**This was a quick run, or one is among them: it shows that the harness works, and no figures.**"
    machines = {one.machine: one.when for one in results.scenarios.values()}
    for machine, when in machines.items():
        yield ""
        yield f"Measured on {when}: {machine}; one core for the server, one for the load."
    yield ""
    yield "Versions: " + ", ".join(f"{name} ({version})" for name, version in results.versions.items()) + "."
    yield ""
    missing = [f"**{name}** ({why})" for name, why in results.missing.items()]
    yield f"Missing: {', '.join(missing) or 'nothing'}."


def _targets(results: Results) -> Iterator[str]:
    yield ""
    yield "## What was aimed at"
    yield ""
    yield "Medians over the turns, with the least and the most; a ratio is ours over theirs in the same turn. 64-byte"
    yield "messages, `--rate off`, no journal unless it says so."
    yield ""
    yield "| | against | aim | measured | |"
    yield "|---|---|---|---|---|"
    judged = verdicts(results)
    for verdict in judged:
        yield _target_row(verdict)
    notes = [verdict for verdict in judged if verdict.target.note]
    yield ""
    for number, verdict in enumerate(notes, 1):
        yield f"{number}. {verdict.target.what}: {verdict.target.note}."


def _target_row(verdict: Verdict) -> str:
    target = verdict.target
    aim = f"{'≤' if target.most else '≥'} {short(target.aim)}{target.unit}"
    if verdict.value is None:
        return f"| {target.what} | {target.against} | {aim} | not measured | – |"
    span = f"({short(verdict.least)}–{short(verdict.most)})"
    met = "a quick run" if verdict.quick else "met" if verdict.met else "**not met**"
    return f"| {target.what} | {target.against} | {aim} | {short(verdict.value)}{target.unit} {span} | {met} |"


def _figures(results: Results, scenarios: list[Scenario]) -> Iterator[str]:
    yield ""
    yield "## The figures behind them"
    yield ""
    yield "The load's own share of its core stands beside the server's: where the load's is at its limit and the"
    yield "server's is not, the row says so: the server may be able to do more a second than is shown."
    for scenario in scenarios:
        if (measured := results.scenarios.get(scenario.name)) is not None:
            yield from _scenario(scenario, measured)


def _scenario(scenario: Scenario, measured: Measured) -> Iterator[str]:
    chosen = CHOSEN[scenario.name.partition("-")[0]]
    turns = max((len(rows) for rows in measured.turns.values()), default=0)
    yield ""
    yield f"### {scenario.title}"
    yield ""
    yield f"{turns} turns."
    yield ""
    yield "| | " + " | ".join(SHOWN[figure][0] for figure in chosen) + " | server's CPU | load's CPU | |"
    yield "|---|" + "---|" * (len(chosen) + 3)
    for entrant in measured.turns:
        cells = [_cell(measured, entrant, figure) for figure in chosen]
        yield f"| {entrant} | {' | '.join(cells)} | {_shares(measured, entrant)} |"
    for failure in dict.fromkeys(measured.failed):
        yield ""
        yield f"Failed: {failure}."


def _cell(measured: Measured, entrant: str, figure: str) -> str:
    values, (_, scale, unit) = measured.values(entrant, figure), SHOWN[figure]
    middle = measured.median(entrant, figure)
    if middle is None:
        return "–"
    return f"{short(middle * scale)} {unit} ({short(min(values) * scale)}–{short(max(values) * scale)})"


def _shares(measured: Measured, entrant: str) -> str:
    server, load = (measured.median(entrant, f"{who}_share") for who in ("server", "load"))
    if not server or load is None:
        return "– | – | "
    limited = "the load was the limit" if load >= LIMIT > server else ""
    return f"{server:.0%} | {load:.0%} | {limited}"


def _how() -> Iterator[str]:
    yield ""
    yield "## How it was measured"
    yield ""
    yield "One load generator for all: chatctl's own (`chatctl/bench/`), which compares every byte that a member gets"
    yield "with what another one got, and holds the numbers of the messages against those said. A turn in which a"
    yield "message was lost, came twice or in another order gives no figure, but a failure. In a burst 64 messages are"
    yield "under way. The latency of a paced message counts from the moment it was due, for each delivery. CPU is user"
    yield "and system time of all threads of the server. Entrants run in turns: each once, then each again."
    yield ""
    yield "ncat, the threads and the bare loop hand on what one read brought as it is: many messages in one write, with"
    yield "no number, no time and no check, and at 64 under way a burst is little more than that write."


def _pictures() -> Iterator[str]:
    yield ""
    yield "## Pictures"
    yield ""
    for name, title in PICTURES.items():
        yield f"![{title}](plots/{name}.svg)"


PICTURES = {
    "burst": "Burst: deliveries per CPU second",
    "paced-cpu": "Paced: CPU a delivery",
    "paced-latency": "Paced: latency",
    "memory": "Memory of an idle member",
}


def pictures(results: Results) -> Mapping[str, str]:
    """Return the SVG pictures by name."""
    none = Measured()
    burst = {
        f"{members:,} members": _column(results.scenarios.get(f"burst-{members}", none), "per_cpu_second")
        for members in (10, 300, 1000, 5000)
    }
    paced, memory = results.scenarios.get("paced", none), results.scenarios.get("memory", none)
    low = "less is better"
    return {
        "burst": bars(PICTURES["burst"], "M", burst, "one core, 64-byte messages; more is better"),
        "paced-cpu": bars(PICTURES["paced-cpu"], "µs", {"": _column(paced, "cpu_per_delivery")}, low),
        "paced-latency": bars(
            PICTURES["paced-latency"], "ms", {name: _column(paced, name) for name in ("p50", "p99")}, low
        ),
        "memory": bars(PICTURES["memory"], "KiB", {"": _column(memory, "bytes_per_member")}, low),
    }


def _column(measured: Measured, figure: str) -> dict[str, float | None]:
    scale = SHOWN[figure][1]
    return {
        name: None if (value := measured.median(name, figure)) is None else value * scale for name in measured.turns
    }
