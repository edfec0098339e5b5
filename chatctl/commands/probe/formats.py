"""Formats of a result for monitoring systems and people. Numbers are those of the C locale, without an exponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatctl.cli.output import json_text
from chatctl.cli.prometheus import gauges, labels_of
from chatctl.commands.probe.ranges import plain
from chatctl.commands.probe.results import NAMES, CheckResult, Metric
from chatctl.common.text import clean

if TYPE_CHECKING:
    from chatctl.client.health import Health


def nagios(result: CheckResult) -> str:
    """Return one line: state, text, performance data. A bar in the text would start the performance data."""
    text = clean(result.text).replace("|", "/")
    perfdata = " ".join(_perfdata(metric) for metric in result.metrics)
    return f"{NAMES[result.state]} chatctl: {text}" + (f" | {perfdata}" if perfdata else "")


def _perfdata(metric: Metric) -> str:
    """Return ``name=value[unit];warn;crit;min;max``; U is an unknown value."""
    value = "U" if metric.value is None else _number(metric) + metric.unit
    thresholds = (metric.thresholds.warn, metric.thresholds.critical)
    warn, critical = ("" if one is None else one.text for one in thresholds)
    most = f";{plain(metric.most)}" if metric.most is not None else ""
    return f"{metric.name}={value};{warn};{critical};0{most}"


def _number(metric: Metric) -> str:
    assert metric.value is not None
    return f"{metric.value:.6f}" if metric.unit == "s" else plain(metric.value)


def as_json(result: CheckResult) -> str:
    """Return one JSON object: seconds and counts, null for an unknown value."""
    found = {"state": NAMES[result.state], "text": clean(result.text), "up": result.up}
    metrics = (f', "{m.name}": {"null" if m.value is None else plain(m.value)}' for m in result.metrics)
    return f"{json_text(found)[:-1]}{''.join(metrics)}}}"


def text(result: CheckResult, number: int = 0) -> str:
    """Return a line for a person, with its number unless that is 0."""
    start = f"{number}: " if number else ""
    shown = (f"{m.name} {_milliseconds(m.value)}" for m in result.metrics if m.unit == "s" and m.name != "silence")
    times = ", ".join(shown)
    return f"{start}{NAMES[result.state]}: {clean(result.text)}" + (f" ({times})" if times else "")


def _milliseconds(value: float | None) -> str:
    return "?" if value is None else f"{value * 1000:.3f} ms"


def summary(result: CheckResult, checks: int, healths: Sequence[Health]) -> list[str]:
    """Return the last lines of several checks, in the form of ping."""
    lost = 100 * (checks - len(healths)) / checks if checks else 0
    lines = [f"{checks} checks, {len(healths)} passed, {plain(round(lost, 1))}% loss: {NAMES[result.state]}"]
    for name in ("connect", "rtt", "echo"):
        values = [getattr(health, name) * 1000 for health in healths]
        if values:
            mean = sum(values) / len(values)
            spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
            numbers = "/".join(f"{value:.3f}" for value in (min(values), mean, max(values), spread))
            lines.append(f"{name} min/avg/max/mdev = {numbers} ms")
    return lines


_METRICS = {
    "connect": ("chatctl_probe_connect_seconds", "Time until the connection stood."),
    "rtt": ("chatctl_probe_rtt_seconds", "Time of a ping and its answer."),
    "echo": ("chatctl_probe_echo_seconds", "Time of a message through the journal and back."),
    "users": ("chatctl_room_members", "Members of the room."),
    "silence": ("chatctl_room_silence_seconds", "Age of the newest message."),
    "cert_days": ("chatctl_probe_certificate_days", "Days until the server's certificate ends."),
    "loss": ("chatctl_probe_loss_percent", "Share of the checks that failed."),
}

_SILENCE_OF = ("chatctl_nick_silence_seconds", "Age of the newest message of one nickname.")


def prometheus(result: CheckResult, where: str, room: str, nick: str | None = None) -> str:
    """Return the text exposition format; an unknown value has no sample.

    With ``nick``, whose silence was judged, it is a label: a check for each of several names has series of its own.
    """
    labels = {"server": where, "room": room} | ({"nick": nick} if nick is not None else {})
    samples = [
        ("chatctl_probe_up", "Whether the check ran to its end (1) or not (0).", "1" if result.up else "0"),
        ("chatctl_probe_state", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", str(result.state)),
    ]
    metrics = _METRICS | ({"silence": _SILENCE_OF} if nick is not None else {})
    samples += [(*metrics[m.name], _number(m)) for m in result.metrics if m.value is not None]
    return gauges(samples, labels_of(**labels))
