"""The aims, and whether they are met. Ratios are taken turn by turn within one run: the machine is noisy."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from arena.results import Measured, Results

OURS = "chatctl"
NATS = "nats-server"
FLOOR = "a bare send() loop"


@dataclass(frozen=True)
class Target:
    """One aim: what is compared with what, in which scenario, and how a turn's figures become the value."""

    what: str
    against: str
    scenario: str
    aim: float
    most: bool
    """Whether the aim is an upper limit; else it is a lower one."""
    unit: str
    values: Callable[[Measured], list[float]]
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """The result for one aim; ``value`` is the median, None if nothing was measured."""

    target: Target
    value: float | None
    least: float = 0.0
    most: float = 0.0
    met: bool = False
    quick: bool = False
    """Measured with few members, to test the harness: the value means nothing."""


def verdicts(results: Results) -> list[Verdict]:
    """Return the verdict on each aim."""
    return [_judge(target, results.scenarios.get(target.scenario, Measured())) for target in TARGETS]


def _judge(target: Target, measured: Measured) -> Verdict:
    values = target.values(measured)
    if not values:
        return Verdict(target, None)
    middle = statistics.median(values)
    met = (operator.le if target.most else operator.ge)(middle, target.aim)
    return Verdict(target, middle, min(values), max(values), met, measured.quick)


def _ratio(figure: str, theirs: str, ours: str = OURS) -> Callable[[Measured], list[float]]:
    return lambda measured: [a / b for a, b in measured.pairs(ours, theirs, figure) if b]


def _figure(entrant: str, figure: str, scale: float = 1.0) -> Callable[[Measured], list[float]]:
    return lambda measured: [value * scale for value in measured.values(entrant, figure)]


def _slow_memory(measured: Measured) -> list[float]:
    """Return the KiB that a stalled member costs: the growth of the server, less its growth without them."""
    with_them, alone = "with the 200", "the other 800 alone"
    stalled = measured.values(with_them, "stalled")
    grown = measured.pairs(with_them, alone, "grown")
    return [(a - b) / 1024 / count for (a, b), count in zip(grown, stalled, strict=False) if count]


def _burst(members: int, against: str, aim: float) -> Target:
    what = f"burst, {members:,} members: deliveries per CPU second"
    return Target(what, against, f"burst-{members}", aim, False, "×", _ratio("per_cpu_second", against))


SLOW_KIB = 64 + 64 * 160 / 1024
"""64 KiB and one batch: 64 messages of about 160 bytes."""

TARGETS = [
    _burst(10, NATS, 1),
    _burst(1000, NATS, 4),
    _burst(5000, NATS, 8),
    _burst(300, "ngIRCd", 3),
    Target(
        "paced, 1,000 members, 20/s: CPU per delivery",
        FLOOR,
        "paced",
        1.2,
        True,
        "×",
        _ratio("cpu_per_delivery", FLOOR),
    ),
    Target("paced, the same: p99 latency", NATS, "paced", 0.5, True, "×", _ratio("p99", NATS)),
    Target("everybody talks, 200 × 1/s: CPU", NATS, "talk", 0.6, True, "×", _ratio("cpu_per_delivery", NATS)),
    Target("memory per idle member", "–", "memory", 6, True, " KiB", _figure(OURS, "bytes_per_member", 1 / 1024)),
    Target("10,000 join at once: all in", "–", "storm", 15, True, " s", _figure("10,000 members", "all_in")),
    Target(
        "10,000 join at once: bytes sent to each, against ten times the members",
        "1,000 members",
        "storm",
        10,
        True,
        "×",
        _ratio("bytes_per_member", "1,000 members", "10,000 members"),
        "less than 10 grows slower than the members do",
    ),
    Target(
        "10,000 idle: CPU for pings",
        "–",
        "storm",
        3,
        True,
        " %",
        _figure("10,000 members", "idle_share", 100),
        "measured with a ping every 10 s and divided by 5: every day pings come every 60 s, and the server's own"
        " rounds every 5 s instead of every second",
    ),
    Target(
        "5,000 resume at once, 100 messages missed: all caught up",
        "–",
        "herd",
        10,
        True,
        " s",
        _figure(OURS, "caught_up"),
    ),
    Target(
        "200 of 1,000 stop reading: the others' messages a second",
        "the 800 alone",
        "slow",
        0.9,
        False,
        "×",
        _ratio("messages_per_s", "the other 800 alone", "with the 200"),
    ),
    Target(
        "200 of 1,000 stop reading: memory for each",
        "the 800 alone",
        "slow",
        SLOW_KIB,
        True,
        " KiB",
        _slow_memory,
        "64 KiB and one batch of 64 messages",
    ),
    Target("send, whole process", "python -c pass", "start", 5, True, "×", _figure("chatctl send", "ratio")),
    Target(
        "burst, 1,000 members, journal at disk: deliveries per CPU second",
        "without one",
        "journal",
        0.9,
        False,
        "×",
        _ratio("per_cpu_second", OURS, "chatctl, journal at disk"),
    ),
    Target(
        "the same: deliveries a second",
        "without one",
        "journal",
        0.9,
        False,
        "×",
        _ratio("deliveries_per_s", OURS, "chatctl, journal at disk"),
    ),
]
