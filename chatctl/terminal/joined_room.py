"""One room of a ``join`` that may be in several: what belongs to it, from entering to leaving.

Does not live here: the other rooms (rooms.py), what is said and told in this one (controller.py, room_view.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from chatctl.client.saved_state import SavedState
from chatctl.terminal.controller import Controller
from chatctl.terminal.interfaces import JoinOptions, TypedCommand
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_screen import RoomScreen

PART_SECONDS = 2.0
"""How long leaving one room waits for the next acknowledgement of what was said there."""

_END_SECONDS = 1.0
"""A membership that has not ended so long after that is abandoned."""


class JoinedRoom:
    """A room that we are in, are entering, or are out of."""

    def __init__(
        self,
        options: JoinOptions,
        saved: SavedState,
        render: FrameRenderer,
        screen: RoomScreen,
        token: str | None,
        commands: Mapping[str, TypedCommand],
    ) -> None:
        """Make it inside a running event loop; ``options`` name the room. Then call ``enter``."""
        self.name = options.room
        self.screen = screen
        self.saved = saved
        self.controller = Controller(replace(options, more_rooms=()), saved, render, screen, token, commands)
        self._task: asyncio.Task[None] | None = None
        self.out = ""
        """Why we are in it no more; empty while we are, or are entering."""

    def enter(self, ended: Callable[[JoinedRoom, Exception | None], object]) -> None:
        """Enter the room. ``ended`` is called once, when we are out of it, with what ended it; None: we have left."""

        async def stay() -> None:
            error: Exception | None = None
            try:
                await self.controller.run()
            except Exception as raised:  # noqa: BLE001 — whoever is told decides what it ends
                error = raised
            self.out = str(error) if error is not None else "you have left"
            ended(self, error)

        self._task = asyncio.get_running_loop().create_task(stay())

    @property
    def was_entered(self) -> bool:
        """Whether the server has let us in."""
        return self.controller.entered.is_set()

    @property
    def status(self) -> str:
        """What the prompt says of the room, beside who we are there."""
        if self.out:
            return "you are not in this room any more: /join joins it again, /part closes it"
        return self.controller.status if self.was_entered else "joining"

    async def leave(self, seconds: float) -> int:
        """Leave the room, and wait for the end of its connection. Arguments and result as ``Conversation.leave``."""
        unacknowledged = await self.controller.leave(seconds)
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._task, _END_SECONDS)
        return unacknowledged

    def hand_over(self) -> None:
        """Tell what nothing else tells of a room that we are out of; its files are for who enters it again."""
        self.controller.save()
        self.screen.print_all()
        self.saved.close()

    async def part(self) -> int:
        """Leave it while other rooms go on; its files are another's then. Returns as ``leave``."""
        self.controller.save()
        self.screen.print_all()
        unacknowledged = await self.leave(PART_SECONDS)
        self.saved.close()
        return unacknowledged
