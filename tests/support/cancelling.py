"""Cancelling what is awaited, at every place where it can be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")
MOST = 200
"""Awaits of one action, at most."""


class Cancelled:
    """Awaits something, and cancels its own task where that is suspended for the ``at``-th time."""

    def __init__(self, waited: Awaitable[T], at: int) -> None:
        self._waited, self._at = waited, at
        self.times = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._waited.__await__()
        step: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            try:
                found = step()
            except StopIteration as done:
                return done.value
            self.times += 1
            if self.times == self._at:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                value = yield found
                step = lambda value=value: steps.send(value)  # noqa: E731
            except BaseException as error:  # noqa: BLE001 — as ``yield from`` does
                step = lambda error=error: steps.throw(error)  # type: ignore[misc]  # noqa: E731


async def everywhere(action: Callable[[], Awaitable[Any]]) -> int:
    """Do it again and again, cancelled one await later each time, until it is through; return how often that was."""
    for number in range(1, MOST):
        waits = Cancelled(action(), number)

        async def run(waits: Cancelled = waits) -> Any:
            return await waits

        task = asyncio.create_task(run())
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
            return number - 1
    raise AssertionError("it never ends")
