"""A sender: says things, each with an id of its own, and says each again until it knows what became of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.system.chaos.diary import Diary
from tests.system.chaos.wire import PATIENCE, Conversation, Dropped, Frame

_PAUSE = 0.05
"""Seconds between two attempts to get in."""

_DOUBT = 0.05
"""The share of acknowledged messages that are said once more all the same."""

_RETRY = 0.1
"""Seconds until something that was refused for want of room is said again: much sooner than the server asks for."""


class Sender(threading.Thread):
    """Says ``rate`` things a second, with at most ``window`` of them unanswered, until ``drain``."""

    def __init__(
        self,
        way: Callable[[], int],
        diary: Diary,
        *,
        mode: str,
        rate: float,
        window: int,
        on_news: Callable[[str], None],
    ) -> None:
        """``way`` names the port for each connection; ``on_news`` hears ``ack`` and ``refused``, from this thread."""
        super().__init__(name=diary.name, daemon=True)
        self._way = way
        self._diary = diary
        self._mode = mode
        self._rate = rate
        self._window = window
        self._on_news = on_news
        self._dice = random.Random(diary.name)
        self._token = self._dice.randbytes(16).hex()
        self._open: dict[str, str] = {}  # id to text: said, and not known to be in the log
        self._refused: dict[str, float] = {}  # when to say it again
        self._count = 0
        self._due = 0.0
        self._answered = 0.0
        self._draining = threading.Event()
        self._giving_up = threading.Event()

    def drain(self) -> None:
        """Begin nothing new; end once everything is acknowledged."""
        self._draining.set()

    def give_up(self) -> None:
        """End, whatever is still unknown."""
        self._giving_up.set()

    def run(self) -> None:
        while not self._done():
            try:
                self._converse()
            except Dropped:
                self._giving_up.wait(_PAUSE * self._dice.random())
        self._diary.close()

    def _done(self) -> bool:
        return self._giving_up.is_set() or (self._draining.is_set() and not self._open)

    def _converse(self) -> None:
        conversation = Conversation(self._way(), nick=self._diary.name, mode=self._mode, token=self._token)
        try:
            self._refused.clear()
            self._say_again(conversation, list(self._open))
            self._answered = time.monotonic()
            while not self._done():
                self._turn(conversation)
        finally:
            conversation.close()

    def _turn(self, conversation: Conversation) -> None:
        now = time.monotonic()
        due = [ident for ident, at in self._refused.items() if at <= now]
        self._say_again(conversation, due)
        if now >= self._due and len(self._open) < self._window and not self._draining.is_set():
            self._say(conversation)
            self._due = max(self._due, now - 1) + self._dice.expovariate(self._rate)
        wait = min(self._due - now, 0.1) if len(self._open) < self._window else 0.1
        for frame in conversation.receive(wait):
            self._hear(frame, conversation)
        if not self._open or self._refused:
            self._answered = max(self._answered, now)
        if time.monotonic() - self._answered > PATIENCE:
            raise Dropped("no answer")

    def _say(self, conversation: Conversation) -> None:
        self._count += 1
        ident = f"{self._count}"
        text = f"{self._diary.name} says {self._count} {'é' * self._dice.randrange(60)}"
        if not self._open:
            self._answered = time.monotonic()
        self._open[ident] = text
        self._diary.note("attempt", id=ident, text=text)
        conversation.send({"type": "say", "id": ident, "text": text})

    def _say_again(self, conversation: Conversation, idents: list[str]) -> None:
        for ident in idents:
            self._refused.pop(ident, None)
            self._diary.note("again", id=ident)
        conversation.send(*({"type": "say", "id": ident, "text": self._open[ident]} for ident in idents))

    def _hear(self, frame: Frame, conversation: Conversation) -> None:
        if frame["type"] == "ping":
            return
        ident = frame.get("id", "")
        if frame["type"] == "ack":
            self._diary.note("ack", id=ident, seq=frame["seq"], duplicate=frame["duplicate"], at=time.monotonic())
            text = self._open.pop(ident, None)
            if text is not None and self._dice.random() < _DOUBT:
                self._diary.note("again", id=ident)
                conversation.send({"type": "say", "id": ident, "text": text})
            self._refused.pop(ident, None)
        elif frame["type"] == "error":
            self._diary.note("refused", id=ident, code=frame["code"])
            if ident in self._open:
                self._refused[ident] = time.monotonic() + _RETRY
        else:
            return
        self._answered = time.monotonic()
        self._on_news("ack" if frame["type"] == "ack" else "refused")
