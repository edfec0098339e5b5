"""What a screen is to whoever talks, and what talks is to a screen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
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

    def unsent(self) -> list[str]:
        """What waits for its acknowledgement and is worth showing, one line each."""

    def nicks(self) -> Iterable[str]:
        """Who is here, for completion."""

    def submit(self, line: str) -> bool:
        """Take a line that was entered. False if it stays with the person, who was told why."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Be in the room until ``leave``. Raises ChatError if we can't be."""

    def save(self, draft: str) -> None:
        """Keep what a crash must not take."""

    async def leave(self, seconds: float = 2.0) -> int:
        """Wait so long for what is under way, then go. Gives how many messages are unsent."""


async def entered(talk: Talk, run: asyncio.Task[None]) -> None:
    """Wait until we are in. Raises what ``run`` raised if we never get there."""
    waiter = asyncio.get_running_loop().create_task(talk.ready.wait())
    await asyncio.wait([waiter, run], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if run.done():
        run.result()
