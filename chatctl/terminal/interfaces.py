"""What a screen is to whoever talks, and what talks is to a screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol


class Screen(Protocol):
    """Where lines go."""

    def show(self, lines: list[str]) -> None:
        """Print lines above whatever is being typed."""

    def clear(self) -> None:
        """Empty the screen."""

    def alert(self, text: str) -> None:
        """Ring the bell, and tell the desktop if it can be told."""

    def refresh(self) -> None:
        """The status changed."""

    def busy(self) -> bool:
        """Whether more lines wait than are worth waiting: the connection is not read meanwhile."""

    def leave(self) -> None:
        """End the program."""


class Talk(Protocol):
    """One person in one room: desk.py, or classic.py for a server of the first version."""

    name: str
    """The room's, for the prompt."""
    ready: asyncio.Event
    """Set once we are in."""

    @property
    def count(self) -> int | None:
        """How many are here, if that is known."""

    @property
    def status(self) -> str:
        """What is worth a word beside the room's name; empty when all is well."""

    @property
    def waiting(self) -> int:
        """How many messages are not acknowledged."""

    @property
    def refusals(self) -> int:
        """How many lines were refused, here or by the server."""

    def unsent(self) -> list[str]:
        """What waits for its acknowledgement and is worth showing, one line each."""

    def nicks(self) -> Iterable[str]:
        """Who is here, for completion."""

    def submit(self, line: str) -> bool:
        """Take a line that was entered. False if it stays with the person, who was told why."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Be in the room until ``leave``. Raises ChatError if we can't be."""

    def save(self, draft: str | None) -> None:
        """Keep what a crash must not take: the place in the log, and the line being typed, if that is known."""

    async def leave(self, seconds: float) -> int:
        """Wait for answers to what was said while they come, so long for each; then go. Gives how many are unsent."""


async def entered(talk: Talk, run: asyncio.Task[None]) -> None:
    """Wait until we are in. Raises what ``run`` raised if we never get there."""
    waiter = asyncio.get_running_loop().create_task(talk.ready.wait())
    await asyncio.wait([waiter, run], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if run.done():
        run.result()


class Faults:
    """Exceptions of our own in callbacks, where nobody waits for them: the first one ends the program."""

    def __init__(self, leave: Callable[[], None]) -> None:
        """Listen for them in the running event loop."""
        self._first: BaseException | None = None
        self._leave = leave
        asyncio.get_running_loop().set_exception_handler(self._caught)

    def _caught(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if error := context.get("exception"):
            self._first = self._first or error
            self._leave()

    def raise_first(self) -> None:
        """Raise it, if there was one."""
        if self._first is not None:
            raise RuntimeError("a callback failed") from self._first


async def ended(run: asyncio.Task[None]) -> None:
    """Wait for a talk that was told to leave. One that does not within a second is left behind."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(run, 1.0)
