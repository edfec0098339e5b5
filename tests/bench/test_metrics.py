"""Latencies are those that were timed."""

from __future__ import annotations

import pytest

from chatctl.bench import report
from tests.bench.loads import latencies


@pytest.mark.parametrize(("share", "value"), [(0, 1), (50, 50), (90, 90), (99, 99), (99.9, 100), (100, 100)])
def test_percentiles_are_those_of_the_values(share: float, value: float) -> None:
    """Nearest rank, within the width of a bucket."""
    assert latencies(*range(1, 101)).percentile(share) * 1000 == pytest.approx(value, rel=0.01)


def test_the_longest_is_exact_and_none_is_longer() -> None:
    """One outlier is what people look for."""
    found = latencies(1, 2, 1234.567)
    assert found.longest == 1_234_567_000
    assert found.percentile(100) == 1.234567


def test_nothing_timed_is_nothing_shown() -> None:
    """A run of no deliveries has no latency, and no error."""
    assert latencies().percentile(99) == 0
    assert report.histogram(latencies()) == []


def test_the_histogram_counts_every_delivery_in_its_doubling() -> None:
    """The bars are the figures."""
    lines = report.histogram(latencies(0.9, 0.9, 0.9, 1.1, 5))
    assert [line.split() for line in lines] == [
        ["<", "1.024", "ms", "█" * 40, "3"],
        ["<", "2.048", "ms", "█" * 14, "1"],
        ["<", "4.096", "ms", "0"],
        ["<", "8.192", "ms", "█" * 14, "1"],
    ]
