"""A contestant: wants a name that others want, too, comes and goes, and notes from when to when it is his.

He is stubborn: while a server is silent he stays, for longer than it takes until others have the name.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable

from tests.system.chaos.diary import Diary
from tests.system.chaos.wire import PATIENCE, Conversation, Dropped

NAMES = ("Crown", "Crovvn", "CROWN", "cRovvn")
"""One name, as names are compared: whoever reads the second one takes it for the first. Of two servers, one is asked
for the one and the other for the other: of spellings that differ in their case alone the schema itself keeps one."""

_STUBBORN = 15.0
"""Seconds of silence after which he goes elsewhere."""


class Contestant(threading.Thread):
    """Ends when he is told to."""

    def __init__(self, way: Callable[[], int], diary: Diary, number: int, stay: tuple[float, float]) -> None:
        """Begin when it is started.

        Args:
            way: names the port for each connection.
            diary: where he notes what he was given, and that he has it.
            number: which one of several he is: they begin with different spellings.
            stay: for how many seconds he has the name, at least and at most.
        """
        super().__init__(name=diary.name, daemon=True)
        self._way = way
        self._diary = diary
        self._stay = stay
        self._names = itertools.cycle(NAMES[-number:] + NAMES[:-number])
        self._dice = random.Random(diary.name)
        self._token = self._dice.randbytes(16).hex()
        self._giving_up = threading.Event()

    def give_up(self) -> None:
        """Leave."""
        self._giving_up.set()

    def run(self) -> None:
        while not self._giving_up.is_set():
            try:
                self._converse()
            except Dropped:
                self._giving_up.wait(self._dice.uniform(0.1, 0.4))
        self._diary.close()

    def _converse(self) -> None:
        conversation = Conversation(self._way(), nick=next(self._names), mode="join", token=self._token)
        name = NAMES[0]
        self._diary.note("hold", name=name, at=time.monotonic())
        try:
            leave_at = time.monotonic() + self._dice.uniform(*self._stay)
            while time.monotonic() < leave_at and not self._giving_up.is_set():
                self._ask(conversation, name)
                self._giving_up.wait(0.1)
        finally:
            conversation.close()

    def _ask(self, conversation: Conversation, name: str) -> None:
        """Have the server say that this is still a member of it."""
        asked, until = time.monotonic(), time.monotonic() + _STUBBORN
        conversation.send({"type": "ping"})
        while not self._giving_up.is_set():
            if any(frame["type"] == "pong" for frame in conversation.receive(PATIENCE / 3)):
                self._diary.note("held", name=name, at=asked)
                return
            if time.monotonic() > until:
                raise Dropped("silence")
