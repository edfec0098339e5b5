"""What a run says about itself: figures that are those of the run, in a form that programs and people can read."""

from __future__ import annotations

from chatctl.bench import report
from chatctl.bench.load import Outcome
from chatctl.bench.metrics import Usage
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address
from tests.bench.loads import latencies


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
