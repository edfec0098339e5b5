"""The interfaces between a screen and a conversation, and the options of ``join``.

Screens: prompt_screen.py, plain_screen.py. Conversations: controller.py, classic.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from chatctl.client.core.address import Address
from chatctl.client.saved_state import SavedState
from chatctl.terminal.desktop_notification import Form
from chatctl.terminal.ignore_list import IgnoreList
from chatctl.terminal.notify_command import NotifyCommand
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
    for_person: bool = False
    """A person types and reads: say on entering who is here and how to leave; one room may end and the others go on."""
    notify_command: NotifyCommand | None = None
    """What is run for a message that rings the bell."""
    ignored: IgnoreList = field(default_factory=lambda: IgnoreList(None))
    """Whose messages are not shown."""
    more_rooms: tuple[str, ...] = ()
    """Rooms to join as well."""


TypedCommand = Callable[[str], bool | None]
"""Carries a command out, with what was typed behind its name. False: it was refused, and the user was told why."""


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """How the user wants to type and read."""

    history_file: bool = True
    """Keep what is typed for the next run."""
    keys: Literal["emacs", "vi"] = "emacs"
    """Which keys edit the line."""
    linear: bool = False
    """Only ever add text: no redraw, for screen readers."""
    notification: Form = "auto"
    """Which sequence has the terminal show a notification."""


class Screen(Protocol):
    """Where a conversation is shown."""

    @property
    def mixes_rooms(self) -> bool:
        """Whether lines of several rooms stand among each other."""

    def room_changed(self, *, carry: bool = False) -> None:
        """Take the line of the room that is shown now; ``carry``: with what was typed in the one before it."""

    def show(self, lines: list[str]) -> None:
        """Print lines above the line that is being typed. They are already cleaned and coloured."""

    def clear(self) -> None:
        """Empty the screen."""

    def alert(self, text: str, said: str = "") -> None:
        """Ring the bell, and send a desktop notification where the terminal supports it.

        Args:
            text: who did what.
            said: the message.
        """

    def refresh(self) -> None:
        """Draw the prompt again: the status or the number of members changed."""

    def busy(self) -> bool:
        """Return whether too many lines wait to be painted; the connection is not read meanwhile."""

    def first_unread(self) -> bool:
        """Return whether the user has looked away, once for each time: what is printed now is the first of it."""

    def leave(self) -> None:
        """End the program with exit code 0."""


class Conversation(Protocol):
    """One user in one room or several, as a screen drives it. What it tells is of the room that is shown."""

    entered: asyncio.Event
    """Set once the server has let us in."""

    @property
    def name(self) -> str:
        """The room's name, for the prompt."""

    @property
    def nick(self) -> str:
        """Our nickname there, for the prompt."""

    @property
    def operator(self) -> bool | None:
        """Whether we have proved an operator's key; None if the server has not told."""

    @property
    def addressee(self) -> str:
        """Who alone is told what is typed, for the prompt; empty: the room."""

    @property
    def is_private(self) -> Callable[[str], bool]:
        """What tells of a line of the room, finished or not, whether it is for one member alone."""

    @property
    def saved(self) -> SavedState:
        """What is kept of it: the screen keeps the draft and the history there."""

    @property
    def several(self) -> bool:
        """Whether there are other rooms."""

    @property
    def activity(self) -> str:
        """What is unread in the other rooms, for the prompt; empty if nothing is."""

    @property
    def title(self) -> str:
        """What the window's title should say; empty to leave it as it is."""

    def go_to(self, number: int) -> bool:
        """Show the room of that number; return whether there is one."""

    @property
    def count(self) -> int | None:
        """The number of members in the room, if it is known."""

    @property
    def status(self) -> str:
        """What is wrong with the connection, for the prompt; empty when all is well."""

    @property
    def is_entering(self) -> bool:
        """Whether the server has yet to let us into the room that is shown."""

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

    def save(self) -> None:
        """Save the position in the log, so that a crash does not lose it."""

    async def leave(self, seconds: float) -> int:
        """Leave the room.

        Args:
            seconds: how long to wait for the next acknowledgement of what was sent.

        Returns:
            The number of messages that are still unacknowledged.
        """


MakeConversation = Callable[[Screen, FrameRenderer], Conversation]
