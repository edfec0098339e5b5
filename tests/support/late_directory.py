"""A directory of one server that answers a turn of the loop later, as one that is shared does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from chatctl.directory import Errand, Outcome, Place, Verdict, Wish
from chatctl.directory.memory import MemoryDirectory
from chatctl.journal import Journal


class LateDirectory(MemoryDirectory):
    """Judges in the order of the calls, in the next turn; answers in the one after."""

    def __init__(self, journal: Journal, call_soon: Callable[[Callable[[], None]], object]) -> None:
        super().__init__(journal)
        self._soon = call_soon

    def claim(self, wishes: Sequence[Wish], done: Callable[[Sequence[Verdict]], None]) -> None:
        def answer(verdicts: Sequence[Verdict]) -> None:
            self._soon(lambda: done(verdicts))

        self._soon(partial(super().claim, wishes, answer))

    def reach(self, room: str, done: Callable[[int | None], None]) -> None:
        self._soon(lambda: done(0))

    def release(self, members: Sequence[Place], after: int) -> None:
        self._soon(partial(super().release, members, after))

    def send(self, to: Place, errand: Errand, done: Callable[[Outcome], None]) -> None:
        self._soon(partial(super().send, to, errand, lambda outcome: self._soon(lambda: done(outcome))))
