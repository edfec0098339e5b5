"""What a run of the load says: a table, a histogram, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Sequence

from chatctl.bench.load import Outcome, Plan

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 100.0)
_BAR = 40


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that ``share`` percent of the sorted values do not exceed (nearest rank); 0 of none."""
    if not values:
        return 0.0
    rank = max(0, min(len(values) - 1, -(-int(len(values) * share * 10) // 1000) - 1))
    return values[rank]


def figures(plan: Plan, outcome: Outcome, server: tuple[float, int] | None) -> dict[str, object]:
    """Give all figures by name. ``server`` is its CPU seconds and its resident bytes, where they can be seen."""
    latencies = sorted(outcome.latencies)
    found: dict[str, object] = {
        "members": plan.members,
        "senders": plan.senders,
        "joined_in_s": round(outcome.joined_in, 3),
        "seconds": round(outcome.seconds, 3),
        "messages": outcome.said,
        "messages_per_s": round(outcome.said / outcome.seconds, 1),
        "deliveries": outcome.delivered,
        "deliveries_per_s": round(outcome.delivered / outcome.seconds, 1),
        "load_cpu_share": round(outcome.own_cpu / outcome.seconds, 3),
        "faults": outcome.faults,
    }
    for share in PERCENTILES:
        name = "max" if share == 100 else f"p{share:g}"
        found[f"latency_{name}_ms"] = round(percentile(latencies, share) * 1000, 3)
    if server is not None:
        cpu, resident = server
        found["server_cpu_share"] = round(cpu / outcome.seconds, 3)
        found["server_us_per_delivery"] = round(cpu / max(1, outcome.delivered) * 1e6, 3)
        found["server_memory_mib"] = round(resident / 2**20, 1)
    return found


def as_json(found: dict[str, object]) -> str:
    """Give the figures as one line."""
    return json.dumps(found)


def as_table(found: dict[str, object]) -> list[str]:
    """Give the figures as lines, a name and a value each."""
    return [
        f"{name.replace('_', ' '):<24} {value:>16,}" for name, value in found.items() if isinstance(value, int | float)
    ]


def histogram(latencies: Sequence[float]) -> list[str]:
    """Give how the latencies are spread: a line and a bar for each doubling."""
    if not latencies:
        return []
    buckets: dict[int, int] = {}
    for value in latencies:
        bucket = max(0, int(value * 1e6)).bit_length()
        buckets[bucket] = buckets.get(bucket, 0) + 1
    most = max(buckets.values())
    lines = []
    for bucket in range(min(buckets), max(buckets) + 1):
        count = buckets.get(bucket, 0)
        lines.append(f"  < {2**bucket / 1000:>10,.3f} ms {'#' * (-(-count * _BAR // most)):<{_BAR}} {count:,}")
    return lines
