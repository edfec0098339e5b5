"""The worst of several states, without a server."""

from __future__ import annotations

from chatctl.commands.probe.ranges import parse_range
from chatctl.commands.probe.results import (
    CRITICAL,
    NOTHING_RAN,
    OK,
    UNKNOWN,
    WARNING,
    CheckResult,
    Metric,
    Thresholds,
    combine,
    worst,
)


def test_the_worst_state_wins_and_what_is_bad_counts_more_than_what_is_not_known() -> None:
    assert worst([OK, UNKNOWN]) == UNKNOWN
    assert worst([UNKNOWN, WARNING]) == WARNING
    assert worst([WARNING, CRITICAL, UNKNOWN]) == CRITICAL
    assert worst([]) == OK


def test_what_is_not_known_is_over_every_limit() -> None:
    limit = parse_range("10")
    assert combine([Metric("silence", None, "s", Thresholds(warn=limit))], "").state == WARNING
    assert combine([Metric("silence", None, "s")], "").state == OK


def test_it_begins_as_unknown() -> None:
    assert CheckResult(UNKNOWN, "no check ran") == NOTHING_RAN
