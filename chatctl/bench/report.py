"""The report of a load: figures by name, a table, a histogram."""

from __future__ import annotations

import json

from chatctl.bench.load import Outcome
from chatctl.bench.metrics import Latencies, Usage
from chatctl.bench.workload import Workload
from chatctl.common.text import escape_json

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}
BUSY = 0.95
"""CPU seconds a second from which on the load generator may have been the limit, and not the server."""
_BAR = 40
"""Characters of the longest bar."""


def figures(workload: Workload, outcome: Outcome, server: Usage | None) -> dict[str, object]:
    """Return all figures by name, as ``--json`` prints them.

    Args:
        workload: what was to be done.
        outcome: its result.
        server: the CPU seconds that the server used during the load and its resident bytes; None if they are unknown.
    """
    seconds = outcome.seconds
    found: dict[str, object] = {
        "ok": not outcome.faults,
        "members": workload.members,
        "senders": workload.senders,
        "rate": workload.rate if workload.rate is not None else "max",
        "size": workload.size,
        "dialect": workload.dialect,
        "joined_in_s": round(outcome.joined_in, 3),
        "seconds": round(seconds, 3),
        "messages": outcome.sent,
        "messages_per_s": round(outcome.sent / seconds, 1),
        "deliveries": outcome.delivered,
        "deliveries_per_s": round(outcome.delivered / seconds, 1),
        "load_cpu_share": round(outcome.own_cpu / seconds, 3),
    }
    latencies = outcome.latencies
    for name, share in PERCENTILES.items():
        found[f"latency_{name}_ms"] = round(latencies.percentile(share) * 1000, 3)
    found["latency_max_ms"] = round(latencies.longest / 1e6, 3)
    found["latencies"] = len(latencies)
    if server is not None:
        found["server_cpu_share"] = round(server.cpu / seconds, 3)
        found["server_us_per_delivery"] = round(server.cpu / max(1, outcome.delivered) * 1e6, 3)
        found["server_memory_mib"] = round(server.resident / 2**20, 1)
    found["histogram_ms"] = [[round(below * 1000, 3), count] for below, count in latencies.doublings()]
    found["faults"] = outcome.faults
    return found


def as_json(found: dict[str, object]) -> str:
    """Return the figures as a line of JSON."""
    return escape_json(json.dumps(found, ensure_ascii=False))


def as_table(found: dict[str, object]) -> list[str]:
    """Return the figures as lines to read: what was done, how fast, at what cost."""
    lines = [
        "{members:,} members ({dialect}), {senders:,} speaking, {size} bytes, rate {rate}: {seconds:.1f} s",
        "all in after          {joined_in_s:>14,.3f} s",
        "messages in           {messages:>14,}   {messages_per_s:>14,.1f} /s",
        "deliveries out        {deliveries:>14,}   {deliveries_per_s:>14,.1f} /s",
        "the load's own CPU    {load_cpu_share:>14.1%}   of a core",
    ]
    if "server_cpu_share" in found:
        lines += [
            "the server's CPU      {server_cpu_share:>14.1%}   of a core, {server_us_per_delivery:.3f} µs a delivery",
            "the server's memory   {server_memory_mib:>14,.1f} MiB",
        ]
    lines += [
        "latency, ms           "
        + "".join(f"{name:>10}" for name in [*(f"p{p:g}" for p in PERCENTILES.values()), "max"]),
        "                      " + "".join(f"{{latency_{name}_ms:>10,.2f}}" for name in [*PERCENTILES, "max"]),
    ]
    return [line.format(**found).rstrip() for line in lines]


def histogram(latencies: Latencies) -> list[str]:
    """Return the distribution of the latencies: a line with a bar for each doubling."""
    spread = latencies.doublings()
    most = max((count for _, count in spread), default=0)
    return [
        f"  < {below * 1000:>10,.3f} ms  {'█' * -(-count * _BAR // most):<{_BAR}} {count:>12,}"
        for below, count in spread
    ]


def saturation_warning(found: dict[str, object]) -> str | None:
    """Return a warning if the load generator itself may have been the limit, else None."""
    share = found["load_cpu_share"]
    if not isinstance(share, float) or share < BUSY:
        return None
    return (
        f"the load generator used {share:.0%} of a core: the server may be able to do more than this shows"
        " (--rate N, or fewer members)"
    )
