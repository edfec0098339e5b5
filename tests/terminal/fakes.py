"""A controller with a screen and a connection that remember what they are given."""

from __future__ import annotations

import asyncio

from chatctl import protocol as p
from chatctl.client.core.address import Address
from chatctl.client.saved_state import SavedState
from chatctl.terminal.colors import Palette
from chatctl.terminal.controller import Controller
from chatctl.terminal.folding import Folds
from chatctl.terminal.interfaces import JoinOptions
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_screen import RoomScreen


class FakeScreen:
    """Remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.alerts: list[str] = []
        self.left = self.cleared = self.is_busy = self.unread = False
        self.mixes_rooms = False
        self.changes: list[bool] = []

    def room_changed(self, *, carry: bool = False) -> None:
        self.changes.append(carry)

    def show(self, lines: list[str]) -> None:
        self.lines += lines

    def clear(self) -> None:
        self.cleared = True

    def alert(self, text: str, said: str = "") -> None:
        self.alerts.append(text)

    def refresh(self) -> None:
        pass

    def busy(self) -> bool:
        return self.is_busy

    def first_unread(self) -> bool:
        unread, self.unread = self.unread, False
        return unread

    def leave(self) -> None:
        self.left = True


class FakeWire:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[p.ClientFrame] = []

    def write(self, frame: p.ClientFrame) -> None:
        self.sent.append(frame)

    def close(self) -> None:
        pass


class Joined:
    """A controller with its fakes, in the room unless ``connected`` is False."""

    def __init__(
        self, *, history: int = 50, cursor: p.Resume | None = None, connected: bool = True, greets: bool = False
    ) -> None:
        saved = SavedState(None)
        if cursor is not None:
            saved.cursor = lambda: cursor  # type: ignore[method-assign]
        self.screen = FakeScreen()
        options = JoinOptions(Address("127.0.0.1", 5500), "lobby", "nadia", history, for_person=greets)
        render = FrameRenderer(Palette(0), now=lambda: 0.0, folds=Folds())
        screen = RoomScreen("lobby", self.screen, render)
        self.controller = Controller(options, saved, render, screen, None)
        self.wire = FakeWire()
        if connected:
            self.controller.membership._connection = self.wire  # type: ignore[assignment]
            self.welcome()

    def welcome(self, epoch: str = "e", last: int = 0) -> None:
        limits = p.Limits()
        self.controller.membership._enter(
            p.Welcome(1, "s", "lobby", "nadia", epoch, 1, last, ["nadia"], 1, 0, "memory", limits)
        )

    async def answer(self, *frames: p.ServerFrame) -> list[str]:
        """Receive the answers to what a command asks for, one after the other; return what is shown since the first."""
        before = len(self.screen.lines)
        await self.rest()
        for frame in frames:
            self.receive(frame)
            await self.rest()
        return self.screen.lines[before:]

    async def rest(self) -> None:
        """Let what was started get to where it waits for an answer."""
        for _ in range(10):
            await asyncio.sleep(0)

    def receive(self, *frames: p.ServerFrame) -> list[str]:
        before = len(self.screen.lines)
        for frame in frames:
            self.controller.membership._receive(frame)
        return self.screen.lines[before:]
