"""The interfaces between a screen and a conversation, and the options of ``join``.

Screens: prompt_screen.py, plain_screen.py. Conversations: controller.py, classic.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from chatctl.client.core.address import Address
from chatctl.terminal.render import FrameRenderer


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What the user asked for on the command line."""

    address: Address
    room: str
    nick: str
    history: int = 50
    """How many earlier messages to show on joining; 0 for none."""
    notify: Literal["off", "mention", "all"] = "mention"
    """Which messages of others ring the bell."""
    greets: bool = False
    """Say on entering who is here and how to leave: a person reads it."""


class Screen(Protocol):
    """Where a conversation is shown."""

    def show(self, lines: list[str]) -> None:
        """Print lines above the line that is being typed. They are already cleaned and coloured."""

    def clear(self) -> None:
        """Empty the screen."""

    def alert(self, text: str) -> None:
        """Ring the bell, and send ``text`` as a desktop notification where the terminal supports it."""

    def refresh(self) -> None:
        """Draw the prompt again: the status or the number of members changed."""

    def busy(self) -> bool:
        """Return whether too many lines wait to be painted; the connection is not read meanwhile."""

    def leave(self) -> None:
        """End the program with exit code 0."""


class Conversation(Protocol):
    """One user in one room, as a screen drives it."""

    name: str
    """The room's name, for the prompt."""
    entered: asyncio.Event
    """Set once the server has let us in."""

    @property
    def nick(self) -> str:
        """Our nickname there, for the prompt."""

    @property
    def count(self) -> int | None:
        """The number of members in the room, if it is known."""

    @property
    def status(self) -> str:
        """What is wrong with the connection, for the prompt; empty when all is well."""

    @property
    def limit(self) -> int:
        """The bytes of UTF-8 that one message may have."""

    @property
    def unacknowledged(self) -> int:
        """The number of messages that the server has not acknowledged."""

    @property
    def refusals(self) -> int:
        """The number of lines that were refused, here or by the server."""

    def unsent(self) -> list[str]:
        """Return the texts that have waited for an acknowledgement long enough to be shown, one line each."""

    def nicks(self) -> Iterable[str]:
        """Return the members' nicknames, for completion."""

    def submit(self, line: str) -> bool:
        """Carry out a line that was entered. False: it was refused, the user was told why and may edit it."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Be in the room until ``leave``. Raises ChatError if the server cannot be joined."""

    def save(self, draft: str | None) -> None:
        """Save the position in the log and, unless None, the line being typed, so that a crash does not lose them."""

    async def leave(self, seconds: float) -> int:
        """Leave the room.

        Args:
            seconds: how long to wait for the next acknowledgement of what was sent.

        Returns:
            The number of messages that are still unacknowledged.
        """


MakeConversation = Callable[[Screen, FrameRenderer], Conversation]
