"""What a check's figures mean: thresholds in, a state of the monitoring plugins out.

Source: Monitoring Plugins Development Guidelines, "Threshold and Ranges", "Performance data".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chatctl.client.health import Health

OK, WARNING, CRITICAL, UNKNOWN = range(4)
"""The states of the monitoring plugins, and this command's exit codes."""

NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_GRAVITY = (OK, UNKNOWN, WARNING, CRITICAL)
"""From the best to the worst. What is known to be bad counts more than what is not known."""


def worst(states: Iterable[int]) -> int:
    """Give the gravest of some states; OK of none."""
    return max(states, key=_GRAVITY.index, default=OK)


@dataclass(frozen=True, slots=True)
class Range:
    """A range as the plugins write it; ``text`` is that. A value outside of it is an alert, with ``@`` one inside."""

    text: str
    least: float
    most: float
    inside: bool = False

    def alerts(self, value: float) -> bool:
        """Tell whether this value is one to be woken for."""
        return (self.least <= value <= self.most) is self.inside


class RangeType(click.ParamType[Range]):
    """``10``, ``10:``, ``~:10``, ``10:20`` or ``@10:20``."""

    name = "range"
    _SHAPE = re.compile(r"(@)?(?:(~|-?\d{1,9}(?:\.\d{1,9})?)?(:))?(-?\d{1,9}(?:\.\d{1,9})?)?", re.ASCII)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Range:
        """Give the range. A whole number from a config file is one as well."""
        if isinstance(value, Range):
            return value
        text = str(value)
        match = self._SHAPE.fullmatch(text)
        if match is None or not (match[4] or (match[3] and match[2])):
            self.fail(f"{text!r} is no range: write 10, 10:, ~:10, 10:20 or @10:20", param, ctx)
        least = float("-inf") if match[2] == "~" else float(match[2] or 0)
        most = float(match[4]) if match[4] else float("inf")
        if least > most:
            self.fail(f"{text!r} is no range: its start is over its end", param, ctx)
        return Range(text, least, most, inside=match[1] is not None)


RANGE = RangeType()


def at_most(seconds: float) -> Range:
    """Give the range of a duration's threshold: over it is an alert."""
    return Range(plain(seconds), 0.0, seconds)


def at_least(value: float) -> Range:
    """Give the range of a threshold that is a floor: under it is an alert."""
    return Range(f"{plain(value)}:", value, float("inf"))


def plain(value: float) -> str:
    """Give a number without an exponent, and without zeros that say nothing."""
    text = f"{value:.6f}"
    return text.rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of one figure."""

    warn: Range | None = None
    critical: Range | None = None

    def state(self, value: float | None) -> int:
        """Judge a value; None is one that is over every limit."""
        if self.critical is not None and (value is None or self.critical.alerts(value)):
            return CRITICAL
        if self.warn is not None and (value is None or self.warn.alerts(value)):
            return WARNING
        return OK


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: seconds (``unit`` ``s``) or a count."""

    name: str
    value: float | None
    unit: str = ""
    limits: Limits = Limits()
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator chose."""

    limits: Mapping[str, Limits] = field(default_factory=dict)
    expect_version: str | None = None
    on_unreachable: int = CRITICAL


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, the one line that says why, and the figures."""

    state: int
    text: str
    figures: Sequence[Figure] = ()
    up: bool = False
    """Whether the check ran to its end."""


NOTHING_RAN = Verdict(UNKNOWN, "no check ran")
"""Where every probe begins."""


def judge(health: Health, room: str, rules: Rules) -> Verdict:
    """Give the verdict on one check that ran to its end."""
    seconds = {"connect": health.connect, "rtt": health.rtt, "echo": health.echo}
    figures = [Figure(name, value, "s", rules.limits.get(name, Limits())) for name, value in seconds.items()]
    figures.append(Figure("users", health.users, limits=rules.limits.get("users", Limits())))
    figures.append(Figure("silence", health.silence, "s", rules.limits.get("silence", Limits())))
    if health.cert_days is not None:
        days = round(health.cert_days, 3)
        figures.append(Figure("cert_days", days, limits=rules.limits.get("cert", Limits())))
    members = f"{health.users} {'member' if health.users == 1 else 'members'} in {room}"
    return verdict_on(figures, f"echo {health.echo * 1000:.1f} ms, {members}", _version_problem(health, rules))


def verdict_on(figures: Sequence[Figure], text: str, *problems: str | None) -> Verdict:
    """Give the worst of all; what is wrong stands first in the text."""
    wrong = [problem for problem in problems if problem]
    states = [CRITICAL] * len(wrong)
    for figure in figures:
        states.append(figure.limits.state(figure.value))
        if states[-1] != OK:
            wrong.append(_complaint(figure, states[-1]))
    return Verdict(worst(states), ", ".join([*wrong, text]), figures, up=True)


def _complaint(figure: Figure, state: int) -> str:
    limit = figure.limits.critical if state == CRITICAL else figure.limits.warn
    assert limit is not None, "it was this limit that gave the state"
    if figure.value is None:
        return "there is no message at all"
    shown = f"{figure.value:.3g}" if abs(figure.value) < 1 else plain(round(figure.value, 3))
    return f"{figure.name} {shown}{figure.unit} (limit {limit.text}{figure.unit})"


def _version_problem(health: Health, rules: Rules) -> str | None:
    """A number is the protocol's version; anything else is what the server calls itself."""
    wanted = rules.expect_version
    if wanted is None or wanted in (str(health.version), health.server):
        return None
    return f"version is {health.version} ({health.server}), not {wanted}"


def on_average(verdicts: Sequence[Verdict], healths: Sequence[Health], room: str, rules: Rules) -> Verdict:
    """Give one verdict on several checks: thresholds judge the averages, a check that failed stays one."""
    failed = [one for one in verdicts if not one.up]
    loss = Figure("loss", round(100 * len(failed) / len(verdicts), 3), "%", most=100)
    if not healths:
        return replace(failed[-1], text=f"none of {len(verdicts)} checks passed: {failed[-1].text}", figures=(loss,))
    whole = judge(_average(healths), room, rules)
    text = f"{len(healths)} of {len(verdicts)} checks passed, {whole.text}"
    state = worst([whole.state, *(one.state for one in failed)])
    return Verdict(state, text, (*whole.figures, loss), up=not failed)


def _average(healths: Sequence[Health]) -> Health:
    from dataclasses import replace as with_values

    number = len(healths)
    return with_values(
        healths[-1],
        connect=sum(one.connect for one in healths) / number,
        rtt=sum(one.rtt for one in healths) / number,
        echo=sum(one.echo for one in healths) / number,
    )
