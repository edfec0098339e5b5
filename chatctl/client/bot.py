"""A bot: functions that answer commands and events of a room, each command once.

A bot that dies while it answers gets the command again, from its cursor's file. The answer's id derives from the
command, so the server says it once, however often bot, server and engine are started anew. Does not live here: the
room (sync.py). Source: docs/api.md, "Bots".
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from chatctl.client.core.events import Event, Msg, Whisper
from chatctl.client.sync import connect
from chatctl.common.text import clean
from chatctl.errors import IdReused, NoSuchNick, TooLong

log = logging.getLogger("chatctl.bot")


class BotRoom(Protocol):
    """What a bot needs of a room: a ``Room``, or the room of ``bot_harness.Harness``."""

    def say(self, text: str, *, id: str | None = None) -> object:  # noqa: A002 — its name on the wire
        """Say something once."""

    def whisper(self, to: str, text: str) -> object:
        """Tell one member something."""


class Command(Struct, frozen=True):
    """A command that somebody gave: ``!weather Oslo`` has the ``name`` ``weather`` and the ``text`` ``Oslo``."""

    name: str
    text: str
    nick: str
    room: BotRoom
    event: Msg | Whisper
    """What it came in; a Whisper is answered by one."""


Answer = Callable[[Command], str | None]
React = Callable[[Any, BotRoom], object]
A = TypeVar("A", bound=Answer)
R = TypeVar("R", bound=React)


class Bot:
    """Functions for commands, by name, and for events, by type. Fill it with the decorators, then ``run`` it."""

    def __init__(self, prefix: str = "!") -> None:
        """Answer what begins with ``prefix``."""
        self._prefix = prefix
        self._commands: dict[str, Answer] = {}
        self._reactions: list[tuple[type, React]] = []

    def command(self, name: str) -> Callable[[A], A]:
        """Have the decorated function answer ``!name``: what it returns is said, or whispered; None is no answer."""

        def note(function: A) -> A:
            self._commands[name.lower()] = function
            return function

        return note

    def on(self, kind: type) -> Callable[[R], R]:
        """Call the decorated function with each event of a type, such as Join, and the room."""

        def note(function: R) -> R:
            self._reactions.append((kind, function))
            return function

        return note

    def run(self, server: Any = "127.0.0.1", *, cursor: Any = None, mode: str = "join", **options: Any) -> None:
        """Answer until the room ends it, or an exception does.

        Args:
            server: as in ``connect``.
            cursor: a file that keeps the place, so that commands given meanwhile are answered by the next run.
            mode: as in ``connect``; whispers reach members alone.
            options: the others of ``connect``.

        Raises:
            ChatError: as ``connect``, and as ``next`` of a Following.
        """
        with connect(server, mode=mode, **options) as room:  # type: ignore[arg-type]  # which connect checks
            name = room.welcome.room
            for event in room.follow(cursor=cursor, presence=True, whispers=True):
                self.handle(event, room, name)

    def handle(self, event: Event, room: BotRoom, name: str) -> None:
        """Do what there is to do for one event of the room called ``name``. What fails is logged."""
        for kind, react in self._reactions:
            if isinstance(event, kind):
                self._guarded(partial(react, event, room), f"{kind.__name__} failed")
        if isinstance(event, Msg | Whisper) and (command := self._command(event, room)) is not None:
            self._guarded(lambda: self._answer(command, name), f"{self._prefix}{clean(command.name)} failed")

    def _guarded(self, action: Callable[[], object], what: str) -> None:
        try:
            action()
        except Exception:  # a command that fails must not end the others
            log.exception("%s", what)

    def _command(self, event: Msg | Whisper, room: BotRoom) -> Command | None:
        if isinstance(event, Msg) and (event.mine or event.action):
            return None
        if not event.text.startswith(self._prefix):
            return None
        name, _, text = event.text[len(self._prefix) :].partition(" ")
        return Command(name.lower(), text.strip(), event.nick, room, event) if name.lower() in self._commands else None

    def _answer(self, command: Command, name: str) -> None:
        text = self._commands[command.name](command)
        if not text:
            return
        try:
            self._give(command, text, name)
        except TooLong:
            self._give(command, "(the answer is too long for this room)", name)

    def _give(self, command: Command, text: str, name: str) -> None:
        event = command.event
        if isinstance(event, Whisper):
            try:
                command.room.whisper(event.nick, text)
            except NoSuchNick:
                log.info("%s is gone, and gets no answer", clean(event.nick))
            return
        try:
            command.room.say(text, id=answer_id(name, event))
        except IdReused:  # an earlier run has answered, in other words
            log.info("%s%s was answered before", self._prefix, clean(command.name))


def answer_id(room: str, question: Msg) -> str:
    """Return the id of the answer to a message: the same for the same message, whatever is started anew.

    The time of the message takes part, since in a new log its number may be another message's.
    """
    return "answer-" + hashlib.sha256(f"{room} {question.seq} {question.time!r}".encode()).hexdigest()[:32]
