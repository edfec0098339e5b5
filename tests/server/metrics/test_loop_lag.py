from __future__ import annotations

import asyncio
import time

from chatctl.server.metrics import loop_lag
from chatctl.server.metrics.loop_lag import LoopLag
from tests.support.environment import DEADLINE


def test_a_loop_that_was_held_up_is_late() -> None:
    async def main() -> LoopLag:
        lag = LoopLag(asyncio.get_running_loop())
        time.sleep(loop_lag.PERIOD + 0.03)  # noqa: ASYNC251 — this is what is measured
        until = time.monotonic() + DEADLINE
        while not lag.seconds.buckets()[-1][1]:
            assert time.monotonic() < until
            await asyncio.sleep(0)
        lag.stop()
        return lag

    buckets = dict(asyncio.run(main()).seconds.buckets())
    assert buckets[0.025] == 0
    assert buckets[float("inf")] == 1


def test_it_measures_no_more_once_it_is_stopped() -> None:
    async def main() -> LoopLag:
        lag = LoopLag(asyncio.get_running_loop())
        lag.stop()
        return lag

    assert asyncio.run(main()).seconds.buckets()[-1][1] == 0
