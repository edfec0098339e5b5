"""The result of checks: metrics and thresholds in, a state of the monitoring plugins out.

Source: Monitoring Plugins Development Guidelines, "Plugin Return Codes", "Performance data".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from chatctl.commands.probe.ranges import Range, plain

if TYPE_CHECKING:
    from chatctl.client.health import Health

OK, WARNING, CRITICAL, UNKNOWN = range(4)
"""The states of monitoring plugins, which are this command's exit codes."""

NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_SEVERITY = (OK, UNKNOWN, WARNING, CRITICAL)
"""From the best to the worst: a known problem outweighs an unknown state."""


def worst(states: Iterable[int]) -> int:
    """Return the most severe of some states; OK if there are none."""
    return max(states, key=_SEVERITY.index, default=OK)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The threshold ranges of one metric."""

    warn: Range | None = None
    critical: Range | None = None

    def state(self, value: float | None) -> int:
        """Return the state of a value; None violates every threshold."""
        if self.critical is not None and (value is None or self.critical.alerts(value)):
            return CRITICAL
        if self.warn is not None and (value is None or self.warn.alerts(value)):
            return WARNING
        return OK


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured value: seconds (``unit`` ``s``), percent (``%``) or a count. None: it is not known."""

    name: str
    value: float | None
    unit: str = ""
    thresholds: Thresholds = Thresholds()
    most: float | None = None
    missing: str = "there is no message at all"
    """What is wrong where the value is not known."""
    about: str = ""
    """What it is the value of, such as `` of backup``."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a check has to fulfil, and the state if nobody answers. ``thresholds`` are by the metric's name."""

    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    expect_version: str | None = None
    on_unreachable: int = CRITICAL
    silence_nick: str | None = None
    """Whose silence is judged, folded; None: that of everybody."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A state, the one line that says why, and the metrics."""

    state: int
    text: str
    metrics: Sequence[Metric] = ()
    up: bool = False
    """Whether the check completed."""


NOTHING_RAN = CheckResult(UNKNOWN, "no check ran")


def evaluate(health: Health, room: str, criteria: Criteria) -> CheckResult:
    """Return the result of one completed check."""

    def thresholds(name: str) -> Thresholds:
        return criteria.thresholds.get(name, Thresholds())

    seconds = {"connect": health.connect, "rtt": health.rtt, "echo": health.echo}
    metrics = [Metric(name, value, "s", thresholds(name)) for name, value in seconds.items()]
    metrics.append(Metric("users", health.users, thresholds=thresholds("users")))
    metrics.append(_silence(health, thresholds("silence"), criteria.silence_nick))
    if health.cert_days is not None:
        days = round(health.cert_days, 3)
        metrics.append(Metric("cert_days", days, thresholds=thresholds("cert")))
    members = f"{health.users} {'member' if health.users == 1 else 'members'} in {room}"
    return combine(metrics, f"echo {health.echo * 1000:.1f} ms, {members}", _version_problem(health, criteria))


def _silence(health: Health, thresholds: Thresholds, nick: str | None) -> Metric:
    if nick is None:
        return Metric("silence", health.silence, "s", thresholds)
    missing = f"no message of {nick} among the last {health.searched}"
    return Metric("silence", health.silence, "s", thresholds, missing=missing, about=f" of {nick}")


def combine(metrics: Sequence[Metric], text: str, *problems: str | None) -> CheckResult:
    """Return the worst state of all metrics, CRITICAL if there is a problem; ``text`` comes after what is wrong."""
    wrong = [problem for problem in problems if problem]
    states = [CRITICAL] * len(wrong)
    for metric in metrics:
        states.append(metric.thresholds.state(metric.value))
        if states[-1] != OK:
            wrong.append(_problem(metric, states[-1]))
    return CheckResult(worst(states), ", ".join([*wrong, text]), metrics, up=True)


def _problem(metric: Metric, state: int) -> str:
    limit = metric.thresholds.critical if state == CRITICAL else metric.thresholds.warn
    assert limit is not None, "the state comes from this threshold"
    if metric.value is None:
        return metric.missing
    shown = f"{metric.value:.3g}" if abs(metric.value) < 1 else plain(round(metric.value, 3))
    return f"{metric.name}{metric.about} {shown}{metric.unit} (limit {limit.text}{metric.unit})"


def _version_problem(health: Health, criteria: Criteria) -> str | None:
    """Compare the protocol's version, a number, or the server's name."""
    wanted = criteria.expect_version
    if wanted is None or wanted in (str(health.version), health.server):
        return None
    return f"version is {health.version} ({health.server}), not {wanted}"


def average(results: Sequence[CheckResult], healths: Sequence[Health], room: str, criteria: Criteria) -> CheckResult:
    """Return one result for several checks: thresholds apply to the averages, a check that failed stays one.

    Args:
        results: the result of each check; at least one.
        healths: the measurements of the checks that completed.
        room: the room's name, for the text.
        criteria: what the average has to fulfil.
    """
    failed = [one for one in results if not one.up]
    loss = Metric("loss", round(100 * len(failed) / len(results), 3), "%", most=100)
    if not healths:
        return replace(failed[-1], text=f"none of {len(results)} checks passed: {failed[-1].text}", metrics=(loss,))
    means = {name: sum(getattr(one, name) for one in healths) / len(healths) for name in ("connect", "rtt", "echo")}
    mean = evaluate(replace(healths[-1], **means), room, criteria)
    text = f"{len(healths)} of {len(results)} checks passed, {mean.text}"
    state = worst([mean.state, *(one.state for one in failed)])
    return CheckResult(state, text, (*mean.metrics, loss), up=not failed)
