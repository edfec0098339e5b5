"""A reader: notes down every entry that comes, and resumes behind the last one whenever it is cut off."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.system.chaos.diary import Diary
from tests.system.chaos.wire import PATIENCE, Conversation, Dropped, Frame

_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Habit:
    """What a reader is like."""

    mode: str = "watch"
    naps: bool = False
    """Now and then it does not read for a while, with a small buffer: its cursor lags."""
    restless: bool = False
    """It leaves and comes back all the time."""


class Reader(threading.Thread):
    """Reads until it was shown the entry that ``finish_at`` names.

    It filters nothing: whatever comes is noted, so that a server's repeat is seen as one.
    """

    def __init__(
        self, way: Callable[[], int], diary: Diary, habit: Habit, *, start: tuple[str, int] | None = None
    ) -> None:
        """Begin when it is started.

        Args:
            way: names the port for each connection.
            diary: where it notes what it is shown.
            habit: what it is like.
            start: an epoch and a seq to resume behind; None: what is said from now on.
        """
        super().__init__(name=diary.name, daemon=True)
        self._way = way
        self._diary = diary
        self._habit = habit
        self._dice = random.Random(diary.name)
        self._token = self._dice.randbytes(16).hex()
        self._cursor = start
        self._last: int | None = None
        self._giving_up = threading.Event()
        self.entered = threading.Event()
        if start is not None:
            diary.note("enter", epoch=start[0], after=start[1])

    def finish_at(self, last: int) -> None:
        """End once this entry has come."""
        self._last = last

    def give_up(self) -> None:
        """End where it stands."""
        self._giving_up.set()

    def run(self) -> None:
        while not self._done():
            try:
                self._converse()
            except Dropped:
                self._giving_up.wait(_PAUSE * self._dice.random())
        self._diary.close()

    def _done(self) -> bool:
        return self._giving_up.is_set() or (
            self._last is not None and self._cursor is not None and self._cursor[1] >= self._last
        )

    def _converse(self) -> None:
        hello: Frame = {"nick": self._diary.name, "mode": self._habit.mode, "token": self._token}
        if self._cursor is not None:
            hello["resume"] = {"epoch": self._cursor[0], "after": self._cursor[1]}
        conversation = Conversation(self._way(), receive_buffer=4096 if self._habit.naps else None, **hello)
        try:
            self._enter(conversation.welcome)
            self._show(conversation.first_frames)
            leave_at = time.monotonic() + self._dice.uniform(0, 0.5)
            while not (self._done() or (self._habit.restless and time.monotonic() > leave_at)):
                self._turn(conversation)
        finally:
            conversation.close()

    def _enter(self, welcome: Frame) -> None:
        after = welcome["last"] if self._cursor is None else self._cursor[1]
        self._cursor = welcome["epoch"], after
        self._diary.note("enter", epoch=welcome["epoch"], after=after)
        self.entered.set()

    def _turn(self, conversation: Conversation) -> None:
        if self._habit.naps and self._last is None and self._dice.random() < 0.1:
            self._giving_up.wait(self._dice.uniform(0.1, 1.0))
        frames = conversation.receive(PATIENCE / 3)
        self._show(frames)
        if not frames:
            if time.monotonic() - conversation.heard > PATIENCE:
                raise Dropped("silence")
            conversation.send({"type": "ping"})

    def _show(self, frames: list[Frame]) -> None:
        assert self._cursor is not None
        epoch = self._cursor[0]
        for frame in frames:
            if frame["type"] == "msg":
                self._diary.note("show", seq=frame["seq"], text=frame["text"], at=time.monotonic())
                self._cursor = epoch, frame["seq"]
            elif frame["type"] == "gap":
                self._diary.note("gap", **{key: frame[key] for key in ("from", "to", "why")})
                self._cursor = epoch, frame["to"]
