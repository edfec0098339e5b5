"""A bot: functions that answer commands and events of a room, each command once.

A bot that dies while it answers gets the command again, from its cursor's file. The answer's id derives from the
command, so the server says it once, however often bot, server and engine are started anew. Does not live here: the
room (sync.py, rooms.py). Source: docs/api.md, "Bots".
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from chatctl.client.core.events import Event, Msg, Whisper
from chatctl.client.cursor_file import CursorFile
from chatctl.client.rooms import connect_rooms
from chatctl.client.sync import Room, connect
from chatctl.common.text import clean
from chatctl.errors import Closed, IdReused, NoSuchNick, PeerBroke, Refused, TooLong
from chatctl.protocol import Gap

log = logging.getLogger("chatctl.bot")

FINAL = (Closed, Refused, PeerBroke)
"""Why nothing can be said under our name any more. An answer that fails so is left to another run."""


class BotRoom(Protocol):
    """The room that a bot's functions get: that of a server, or of ``bot_harness.Harness``."""

    @property
    def name(self) -> str:
        """The room's name."""
        ...

    @property
    def nick(self) -> str:
        """The bot's nickname."""
        ...

    def say(self, text: str, *, id: str | None = None) -> object:  # noqa: A002 — its name on the wire
        """Say something once, however long the server is away meanwhile. Raises IdReused, TooLong and others."""

    def whisper(self, to: str, text: str) -> object:
        """Tell one member something. Raises NoSuchNick and others."""


class _ServerRoom:
    """A ``Room`` that is patient: a failure that may pass ends no attempt to say something."""

    def __init__(self, room: Room, name: str) -> None:
        self.name = name
        self._room = room

    def say(self, text: str, *, retry_for: float = math.inf, **more: Any) -> object:
        return self._room.say(text, retry_for=retry_for, **more)

    def whisper(self, to: str, text: str, *, retry_for: float = math.inf) -> object:
        return self._room.whisper(to, text, retry_for=retry_for)

    def __getattr__(self, name: str) -> Any:  # ``nick``, and whatever else a Room has
        return getattr(self._room, name)


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

    def run(
        self,
        server: Any = "127.0.0.1",
        *,
        rooms: Sequence[str] | None = None,
        cursor: str | Path | None = None,
        mode: str = "join",
        **options: Any,
    ) -> None:
        """Answer until a room ends it, or an exception does.

        Args:
            server: as in ``connect``.
            rooms: several rooms, as ``connect_rooms`` takes them; None: the one that ``connect`` takes as ``room``.
            cursor: a file that keeps the place, so that commands given meanwhile are answered by the next run; of
                several rooms, each has a file whose path is this with ``.ROOM`` behind it.
            mode: as in ``connect``; whispers reach members alone.
            options: the others of ``connect``.

        Raises:
            ChatError: as ``connect``, and as ``next`` of a Following; Refused or PeerBroke, if an answer can't be given
                under our name: the next run gets the command again.
        """
        if rooms is not None:
            self._run_rooms(server, rooms, cursor, mode=mode, **options)
            return
        if cursor is not None:
            _keep_first_place(server, Path(cursor), **options)
        with connect(server, mode=mode, **options) as room:  # type: ignore[arg-type]  # which connect checks
            ours = _ServerRoom(room, room.welcome.room)
            for event in room.follow(cursor=cursor, presence=True, whispers=True):
                self.handle(event, ours)

    def _run_rooms(self, server: Any, rooms: Sequence[str], cursor: str | Path | None, **options: Any) -> None:
        first_place = {name: value for name, value in options.items() if name != "mode"}
        for name in rooms if cursor is not None else ():
            _keep_first_place(server, Path(f"{cursor}.{name}"), room=name, **first_place)
        with connect_rooms(server, rooms, **options) as joined:
            ours = {name: _ServerRoom(room, name) for name, room in joined.items()}
            for name, event in joined.follow(cursor=cursor, presence=True, whispers=True):
                self.handle(event, ours[name])

    def handle(self, event: Event, room: BotRoom) -> list[Exception]:
        """Do what there is to do for one event of a room. Return what failed, which was logged.

        Raises:
            Closed: the room is closed before the answer was given.
            Refused: we may not speak under our name any more.
            PeerBroke: the server is none of ours any more.
        """
        failed: list[Exception] = []
        if isinstance(event, Gap):
            log.warning(
                "messages %d to %d of %s can't be had any more (%s): a command among them gets no answer",
                event.from_, event.to, room.name, event.why,
            )  # fmt: skip
        for kind, react in self._reactions:
            if isinstance(event, kind):
                _guarded(partial(react, event, room), kind.__name__, failed)
        if isinstance(event, Msg | Whisper) and (command := self._command(event, room)) is not None:
            shown = f"{self._prefix}{clean(command.name)}"
            text = _guarded(partial(self._commands[command.name], command), shown, failed)
            if text:
                _guarded(lambda: self._answer(command, text), f"the answer to {shown}", failed, but=FINAL)
        return failed

    def _command(self, event: Msg | Whisper, room: BotRoom) -> Command | None:
        if isinstance(event, Msg) and (event.mine or event.action):
            return None
        if not event.text.startswith(self._prefix):
            return None
        name, _, text = event.text[len(self._prefix) :].partition(" ")
        return Command(name.lower(), text.strip(), event.nick, room, event) if name.lower() in self._commands else None

    def _answer(self, command: Command, text: str) -> None:
        try:
            self._give(command, text)
        except TooLong:
            self._give(command, "(the answer is too long for this room)")

    def _give(self, command: Command, text: str) -> None:
        event = command.event
        if isinstance(event, Whisper):
            try:
                command.room.whisper(event.nick, text)
            except NoSuchNick:
                log.info("%s is gone, and gets no answer", clean(event.nick))
            return
        try:
            command.room.say(text, id=answer_id(command.room.name, event))
        except IdReused:  # an earlier run has answered, in other words
            log.info("%s%s was answered before", self._prefix, clean(command.name))


def _guarded(
    action: Callable[[], Any], what: str, failed: list[Exception], *, but: tuple[type[Exception], ...] = ()
) -> Any:
    """Call a function and return its result; None if it fails: that must not end the bot, unless it is ``but``."""
    try:
        return action()
    except but:
        raise
    except Exception as error:
        log.exception("%s failed", what)
        failed.append(error)
        return None


def _keep_first_place(server: Any, cursor: Path, **options: Any) -> None:
    """Write the file of a first run before anybody sees that the bot is here: what it is asked then is not lost."""
    if CursorFile(cursor.expanduser(), "").load() is None:
        with connect(server, **options) as room, room.follow(cursor=cursor, live=False) as entries:
            list(entries)


def answer_id(room: str, question: Msg) -> str:
    """Return the id of the answer to a message: the same for the same message, whatever is started anew.

    The time of the message takes part, since in a new log its number may be another message's.
    """
    return "answer-" + hashlib.sha256(f"{room} {question.seq} {question.time!r}".encode()).hexdigest()[:32]
