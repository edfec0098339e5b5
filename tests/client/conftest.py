"""The two public forms of the client under one face, and the servers of the scripts' tests."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from chatctl.client import aio, sync
from chatctl.protocol import Ack, Gap, Msg, Resume, Roster
from tests.support.environment import DEADLINE


class CutShort(Exception):
    """SIGUSR1 came while something was awaited."""


class Blocking:
    """The blocking form."""

    def connect(self, server: Any, **more: Any) -> Any:
        return sync.connect(server, **more)

    def meanwhile(self, wait: Callable[[], Any], when: threading.Event, then: Callable[[], Any]) -> Any:
        """Do ``then`` once ``when`` is set, while a thread is in ``wait``; return what that returned or raised."""
        ends: list[Any] = []

        def run() -> None:
            try:
                ends.append(wait())
            except Exception as error:  # noqa: BLE001 — it is what we want to see
                ends.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert when.wait(DEADLINE)
        then()
        thread.join(DEADLINE)
        assert ends, "it still waits"
        return ends[0]

    next = staticmethod(next)

    def raw(self, thing: Any) -> Any:
        """Return the object of the public form itself."""
        return thing

    @contextmanager
    def cut_short(self) -> Iterator[None]:
        """Have SIGUSR1 end a wait, as a signal handler of a program's own does."""

        def cut(_number: int, _frame: FrameType | None) -> None:
            raise CutShort

        before = signal.signal(signal.SIGUSR1, cut)
        try:
            with pytest.raises(CutShort):
                yield
        finally:
            signal.signal(signal.SIGUSR1, before)


class Asyncio:
    """The asyncio form, one call at a time on a loop that stands still between them."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def connect(self, server: Any, **more: Any) -> Any:
        return AsyncioRoom(self._runner, self._runner.run(entered(aio.connect(server, **more))))

    def meanwhile(
        self, wait: Callable[[], Awaitable[Any]], when: threading.Event, then: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Do ``then`` once ``when`` is set, while a task is in ``wait``; return what that returned or raised."""

        async def both() -> Any:
            task = asyncio.ensure_future(wait())
            assert await asyncio.to_thread(when.wait, DEADLINE)
            await then()
            async with asyncio.timeout(DEADLINE):
                return (await asyncio.gather(task, return_exceptions=True))[0]

        return self._runner.run(both())

    next = staticmethod(anext)

    def raw(self, thing: Any) -> Any:
        """Return the object of the public form itself."""
        return thing.raw

    def run(self, scenario: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end."""
        return self._runner.run(scenario)

    @contextmanager
    def cut_short(self) -> Iterator[None]:
        """Have SIGUSR1 cancel the task that waits."""
        loop = self._runner.get_loop()

        def cancel() -> None:
            for task in asyncio.all_tasks(loop):
                task.cancel()

        loop.add_signal_handler(signal.SIGUSR1, cancel)
        try:
            with pytest.raises(asyncio.CancelledError):
                yield
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)


class Uvloop(Asyncio):
    """The same on uvloop's event loop."""


async def entered(manager: Any) -> Any:
    return await manager.__aenter__()


class AsyncioRoom:
    def __init__(self, runner: asyncio.Runner, room: aio.Room) -> None:
        self._runner = runner
        self._room = self.raw = room
        self.welcome = room.welcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._runner.run(self._room.__aexit__(*raised))

    @property
    def closed(self) -> bool:
        return self._room.closed

    def close(self) -> None:
        self._runner.run(self._room.close())

    def drain(self) -> None:
        self._runner.run(self._room.drain())

    def say(self, text: str, **more: Any) -> Ack:
        return self._runner.run(self._room.say(text, **more))

    def search(self, text: str, **more: Any) -> list[Msg]:
        return self._runner.run(self._room.search(text, **more))

    def whisper(self, to: str, text: str, **more: Any) -> Ack:
        return self._runner.run(self._room.whisper(to, text, **more))

    def who(self) -> Roster:
        return self._runner.run(self._room.who())

    def ask(self, question: str, *choices: Any, **more: Any) -> aio.Answer:
        return self._runner.run(self._room.ask(question, *choices, **more))

    def follow(self, **more: Any) -> AsyncioFollowing:
        return AsyncioFollowing(self._runner, self._room.follow(**more))


class AsyncioFollowing:
    def __init__(self, runner: asyncio.Runner, following: aio.Following) -> None:
        self._runner = runner
        self._following = self.raw = following

    def __enter__(self) -> Self:
        self._runner.run(entered(self._following))
        return self

    def __exit__(self, *raised: object) -> None:
        self._runner.run(self._following.__aexit__(*raised))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Msg | Gap:
        try:
            return self._runner.run(entry_of(self._following))
        except StopAsyncIteration:
            raise StopIteration from None

    @property
    def place(self) -> Resume | None:
        return self._following.place

    def close(self) -> None:
        self._runner.run(self._following.close())


async def entry_of(following: aio.Following) -> Msg | Gap:
    return await anext(following)


Form = Blocking | Asyncio


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def form(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Form]:
    """Return one form, then the other: each test holds for both."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "client"))
    if request.param == "blocking":
        yield Blocking()
        return
    loop_factory = pytest.importorskip("uvloop").new_event_loop if request.param == "uvloop" else None
    logged: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: logged.append(context))
        yield (Uvloop if request.param == "uvloop" else Asyncio)(runner)
        gc.collect()  # of a future that nobody asks for its exception
    assert logged == [], "nothing is left for the event loop to complain about"


Handle = Callable[..., None]
