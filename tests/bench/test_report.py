"""What a run says about itself: figures that are those of the run, in a form that programs and people can read."""

from __future__ import annotations

import pytest

from chatctl.bench import report
from chatctl.bench.load import Outcome
from chatctl.bench.metrics import Latencies, Usage
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address


def latencies(*milliseconds: float) -> Latencies:
    found = Latencies()
    for value in milliseconds:
        found.add(int(value * 1e6))
    return found


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


def found(own_cpu: float = 1.0, server: Usage | None = None) -> dict[str, object]:
    outcome = Outcome(sent=100, delivered=1000, seconds=2.0, own_cpu=own_cpu, joined_in=0.5, latencies=latencies(1, 2))
    return report.figures(Workload(Address("127.0.0.1", 1), members=10), outcome, server)


def test_figures_are_rates_and_shares() -> None:
    """Of the run's wall time."""
    figures = found(server=Usage(0.5, 3 * 2**20))
    assert figures["messages_per_s"] == 50
    assert figures["deliveries_per_s"] == 500
    assert figures["load_cpu_share"] == 0.5
    assert figures["server_cpu_share"] == 0.25
    assert figures["server_us_per_delivery"] == 500
    assert figures["server_memory_mib"] == 3
    assert figures["latency_max_ms"] == 2


def test_the_table_shows_them() -> None:
    """Every figure that a person asks for, the load's own share among them."""
    table = "\n".join(report.as_table(found(server=Usage(0.5, 3 * 2**20))))
    for wanted in ("10 members (json)", "500.0 /s", "50.0%   of a core", "25.0%   of a core", "3.0 MiB", "p99.9"):
        assert wanted in table


def test_a_load_at_its_limit_says_so() -> None:
    """Or its limit would be taken for the server's."""
    assert report.saturation_warning(found(own_cpu=1.0)) is None
    warning = report.saturation_warning(found(own_cpu=1.96))
    assert warning is not None
    assert "98% of a core" in warning
