"""Reading the metrics of a server, as Prometheus does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.support.server_process import Server
from tests.support.web import request

Labels = tuple[tuple[str, str], ...]


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self._values: Mapping[tuple[str, Labels], float] = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            for sample in family.samples
        }

    @property
    def names(self) -> set[str]:
        """The names of all samples, and of all metrics."""
        return {name for name, _ in self._values} | {family.name for family in self.families}

    def value(self, name: str, **labels: str) -> float:
        """Return the value of a sample."""
        return self._values[name, tuple(sorted(labels.items()))]

    def of(self, name: str) -> dict[Labels, float]:
        """Return all samples of a name by their labels."""
        return {labels: value for (one, labels), value in self._values.items() if one == name}


def metrics_port(server: Server) -> int:
    """Return the metrics port of a server that was just started: it says so behind its other ports."""
    assert server.process.stdout is not None
    while not (found := re.search(r":(\d+) for metrics$", line := server.process.stdout.readline().decode().strip())):
        assert line, server.stderr_text()
    return int(found[1])


def scrape(port: int) -> Scrape:
    """Scrape a server."""
    answer = request(port, target="/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.body.decode())
