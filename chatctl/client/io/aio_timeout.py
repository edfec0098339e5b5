"""``asyncio.timeout``, also for a task that was cancelled and cleans up.

There Python 3.11.0 to 3.11.2, which Debian 12 has, lets CancelledError out in place of TimeoutError (gh-102780 of
CPython): an ``ask`` that was cancelled where the server hangs could not withdraw its question.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def timeout(seconds: float | None) -> AsyncIterator[None]:
    """Raise TimeoutError if the block takes longer than ``seconds``. Cancelling the task is CancelledError, as ever."""
    task = asyncio.current_task()
    assert task is not None
    cancelled_before = task.cancelling()
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except asyncio.CancelledError as error:
        if limit.expired() and task.cancelling() <= cancelled_before:
            raise TimeoutError from error
        raise
