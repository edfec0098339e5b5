"""A verdict as each monitoring system reads it. Numbers are those of the C locale, and have no exponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chatctl.commands.probe.verdict import NAMES, Figure, Verdict, plain
from chatctl.common.text import clean

if TYPE_CHECKING:
    from chatctl.client.health import Health


def nagios(verdict: Verdict) -> str:
    """Give one line: state, text, performance data. A bar in the text would be taken for the data's beginning."""
    text = clean(verdict.text).replace("|", "/")
    perfdata = " ".join(_perfdata(figure) for figure in verdict.figures)
    return f"{NAMES[verdict.state]} chatctl: {text}" + (f" | {perfdata}" if perfdata else "")


def _perfdata(figure: Figure) -> str:
    """``name=value[unit];warn;crit;min;max``; U is a value that is not known."""
    value = "U" if figure.value is None else _number(figure) + figure.unit
    limits = (figure.limits.warn, figure.limits.critical)
    warn, critical = ("" if limit is None else limit.text for limit in limits)
    most = f";{plain(figure.most)}" if figure.most is not None else ""
    return f"{figure.name}={value};{warn};{critical};0{most}"


def _number(figure: Figure) -> str:
    assert figure.value is not None
    return f"{figure.value:.6f}" if figure.unit == "s" else plain(figure.value)


def as_json(verdict: Verdict) -> str:
    """Give one object on one line; seconds and counts, null for what is not known."""
    import json

    from chatctl.common.text import escape_json

    found = {"state": NAMES[verdict.state], "text": clean(verdict.text), "up": verdict.up}
    start = json.dumps(found, ensure_ascii=False)[:-1]
    figures = (f', "{f.name}": {"null" if f.value is None else plain(f.value)}' for f in verdict.figures)
    return escape_json(f"{start}{''.join(figures)}}}")


def text(verdict: Verdict, number: int = 0) -> str:
    """Give a line for a person, with its number if there are several."""
    start = f"{number}: " if number else ""
    shown = (f"{f.name} {_milliseconds(f.value)}" for f in verdict.figures if f.unit == "s" and f.name != "silence")
    times = ", ".join(shown)
    return f"{start}{NAMES[verdict.state]}: {clean(verdict.text)}" + (f" ({times})" if times else "")


def _milliseconds(value: float | None) -> str:
    return "?" if value is None else f"{value * 1000:.3f} ms"


def summary(verdict: Verdict, checks: int, healths: Sequence[Health]) -> list[str]:
    """Give the last lines of several checks, as ping has them."""
    lost = 100 * (checks - len(healths)) / checks if checks else 0
    lines = [f"{checks} checks, {len(healths)} passed, {plain(round(lost, 1))}% loss: {NAMES[verdict.state]}"]
    for name in ("connect", "rtt", "echo"):
        values = [getattr(health, name) * 1000 for health in healths]
        if values:
            mean = sum(values) / len(values)
            spread = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
            figures = "/".join(f"{value:.3f}" for value in (min(values), mean, max(values), spread))
            lines.append(f"{name} min/avg/max/mdev = {figures} ms")
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


def prometheus(verdict: Verdict, where: str, room: str) -> str:
    """Give the text exposition format. What is not known has no sample.

    Source: Prometheus, "Exposition formats", "Text-based format".
    """
    labels = f'{{server="{_escape(where)}",room="{_escape(room)}"}}'
    samples = [
        ("chatctl_probe_up", "Whether the check ran to its end (1) or not (0).", "1" if verdict.up else "0"),
        ("chatctl_probe_state", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", str(verdict.state)),
    ]
    samples += [(*_METRICS[f.name], _number(f)) for f in verdict.figures if f.value is not None]
    return "\n".join(
        f"# HELP {name} {about}\n# TYPE {name} gauge\n{name}{labels} {value}" for name, about, value in samples
    )


def _escape(label: str) -> str:
    return clean(label).replace("\\", "\\\\").replace('"', '\\"')
