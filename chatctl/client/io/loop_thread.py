"""An event loop in a thread of its own, for blocking programs that are members: a member answers pings at any time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from chatctl.client.io.blocking_transport import drive

T = TypeVar("T")


async def _all_others() -> None:
    """Wait for all other tasks of the loop."""
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        """Start it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chatctl", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, and return its result. An exception that comes meanwhile cancels it.

        After ``stop`` it may wait for nothing: what is closed does not.
        """
        if self._loop.is_closed():
            return drive(coroutine)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop once all that runs on it has ended, and wait for that."""
        self.run(_all_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
