"""Short loads, and latencies of one."""

from __future__ import annotations

from chatctl.bench.load import Load, Outcome
from chatctl.bench.metrics import Latencies
from chatctl.bench.workload import Workload
from chatctl.client.core.address import Address
from tests.support.environment import DEADLINE


def load_at(port: int, **more: object) -> Outcome:
    usual = {"members": 4, "seconds": 0.1, "rate": 200.0, "settle_seconds": DEADLINE, "quiet_seconds": 0.05}
    workload = Workload(**({"address": Address("127.0.0.1", port)} | usual | more))  # type: ignore[arg-type]
    load = Load(workload)
    try:
        load.join()
        return load.run()
    finally:
        load.close()


def latencies(*milliseconds: float) -> Latencies:
    found = Latencies()
    for value in milliseconds:
        found.add(int(value * 1e6))
    return found
