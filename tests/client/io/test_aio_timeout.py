"""A time limit of asyncio's that also holds while a cancelled task cleans up, on every Python."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

import pytest

from chatctl.client.io.aio_timeout import timeout


class TimeoutOfPython3112:
    """``asyncio.timeout`` of Python 3.11.0 to 3.11.2: it counts cancellations that came before its block, too."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds, self._expired = seconds, False

    async def __aenter__(self) -> TimeoutOfPython3112:
        task = asyncio.current_task()
        assert task is not None
        self._task: asyncio.Task[None] = task
        self._timer = asyncio.get_running_loop().call_later(self._seconds or 0, self._expire)
        return self

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._expired and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError

    def expired(self) -> bool:
        return self._expired


@pytest.fixture(params=["ours", "3.11.2"], autouse=True)
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the time limit of this Python, and then that of an old one, below ours."""
    if request.param != "ours":
        monkeypatch.setattr(asyncio, "timeout", TimeoutOfPython3112)


async def hang() -> None:
    await asyncio.Event().wait()


def test_what_takes_too_long_is_a_timeout() -> None:
    async def run() -> None:
        async with timeout(0.01):
            await hang()

    with pytest.raises(TimeoutError):
        asyncio.run(run())


def test_so_it_is_while_a_cancelled_task_cleans_up() -> None:
    cleaned = []

    async def run() -> None:
        try:
            await hang()
        except asyncio.CancelledError:
            try:
                async with timeout(0.01):
                    await hang()
            except TimeoutError:
                cleaned.append("in time")
            raise

    async def scenario() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert cleaned == ["in time"]


@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
def test_a_task_that_is_cancelled_in_the_block_is_cancelled(before: int) -> None:
    """Also one that was cancelled already."""

    async def run() -> None:
        for _ in range(before):
            with contextlib.suppress(asyncio.CancelledError):
                await hang()
        async with timeout(60):
            await hang()

    async def scenario() -> None:
        task = asyncio.create_task(run())
        for _ in range(before + 1):
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
