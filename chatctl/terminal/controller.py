"""What ``join`` does with what is typed: text is said, commands are carried out.

Lives here: the conversation as a screen drives it. Does not live here: how commands are written (slash_commands.py),
what comes in (room_view.py), the screen (prompt_screen.py, plain_screen.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping
from math import inf
from types import MappingProxyType
from typing import Any

from chatctl import protocol
from chatctl.client.core.features import require_feature
from chatctl.client.core.outbox import OutboxFull
from chatctl.client.saved_state import SavedState
from chatctl.errors import Unsupported
from chatctl.terminal import status
from chatctl.terminal.help_text import help_lines
from chatctl.terminal.interfaces import JoinOptions, TypedCommand
from chatctl.terminal.log_commands import LogCommands
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_screen import RoomScreen
from chatctl.terminal.room_view import RoomView
from chatctl.terminal.slash_commands import COMMANDS, Command, Invalid, is_whisper, parse

UNKEPT_SECONDS = 5.0
"""A client that we have thrown out needs a moment to end and leave us its files."""


class Controller:
    """One user in one room of a chatctl server."""

    def __init__(
        self,
        options: JoinOptions,
        saved: SavedState,
        render: FrameRenderer,
        screen: RoomScreen,
        token: str | None,
        commands: Mapping[str, TypedCommand] = MappingProxyType({}),
    ) -> None:
        """Make it inside a running event loop, then await ``run``; ``commands`` are those that concern other rooms."""
        self.name = options.room
        self._options = options
        self._saved = saved
        self._tell_unkept_at = 0.0
        """When to say that nothing is kept; 0 before the first save, infinite once it was said."""
        self._screen = screen
        hello = protocol.Hello(
            v=protocol.VERSION,
            nick=options.nick,
            room=options.room,
            token=token,
            resume=saved.cursor(),
            history=options.history,
        )
        self.view = RoomView(options, hello, saved.outbox, render, screen)
        self.membership = self.view.membership
        self.entered = self.view.entered
        self._log = LogCommands(self.view, render)
        self._commands: dict[str, TypedCommand] = {
            **commands,
            "help": self._help,
            "me": lambda rest: self._say(rest, action=True),
            "msg": self._whisper,
            "r": self._answer,
            "query": self._set_addressee,
            "ignore": lambda rest: self.view.ignoring.ignore(rest, self.nick),
            "unignore": self.view.ignoring.unignore,
            "topic": lambda _: self.view.note(f"topic: {self.view.room_state.topic or 'none'}"),
            "who": lambda _: self.send(protocol.Who()),
            "whois": lambda rest: self.send(protocol.Whois(rest)),
            "nick": lambda rest: self.send(protocol.Nick(rest)),
            "history": self._log.history,
            "search": self._log.search,
            "show": self._log.show,
            "clear": lambda _: screen.clear(),
            "status": lambda _: self.view.note(*self._status_lines()),
            "quit": lambda _: screen.leave(),
        }

    # --- what is typed

    def submit(self, line: str) -> bool:
        """Carry out a line. An empty one makes a lost connection be tried again at once."""
        if not line.strip():
            self.membership.retry_now()
            return False
        match parse(line.strip("\n").encode("utf-8", "replace").decode()):  # a terminal may send no UTF-8
            case Invalid(reason):
                return self._refuse(reason)
            case Command(name, rest):
                return self._commands[name](rest) is not False
            case protocol.Admin() as request:
                return self._order(request)
            case str(text) if self.view.whispering.addressee:
                return self._whisper(f"{self.view.whispering.addressee} {text}")
            case str(text):
                return self._say(text)

    def is_private(self, line: str) -> bool:
        """Return whether a line, finished or not, is for one member alone: it is written to no file."""
        return is_whisper(line) or bool(self.view.whispering.addressee and line.strip())

    def _help(self, topic: str) -> bool:
        lines = help_lines(topic, operator=self.operator)
        self.view.note(*lines)
        return bool(lines) or self._refuse(f"there is no help on {topic}: /help lists the commands")

    def _refuse(self, why: str) -> bool:
        self.view.refuse(why)
        return False

    def _fits(self, frame: protocol.Say | protocol.Whisper) -> bool:
        limits = self._limits
        line = len(protocol.encode(frame)) - 1  # a control character takes six bytes there
        for what, size, limit in (("", len(frame.text.encode()), limits.text), (" as JSON", line, limits.line)):
            if size > limit:
                return self._refuse(f"this message has {size} bytes{what}, at most {limit} can be sent: shorten it")
        return True

    def _say(self, text: str, *, action: bool = False) -> bool:
        if self.view.whispering.addressee:
            return self._refuse(
                f"/me is for the room, and you talk to {self.view.whispering.addressee}: /query ends that"
            )
        if not self._fits(protocol.Say(text, id="0" * 16, action=action)):
            return False
        try:
            self.membership.say(text, action=action)
        except OutboxFull as error:
            return self._refuse(str(error))
        asyncio.get_running_loop().call_later(status.SHOW_UNSENT_SECONDS, self._screen.refresh)
        self._screen.refresh()
        return True

    def _whisper(self, rest: str) -> bool:
        to, _, text = rest.partition(" ")
        ident = f"w{time.monotonic_ns():x}"
        whisper = protocol.Whisper(to, text.strip(), id=ident)
        if not self._fits(whisper):
            return False
        if sent := self.send(whisper):
            self.view.whispers[ident] = whisper
        return sent

    def _answer(self, text: str) -> bool:
        to = self.view.whispering.last_from
        return (
            self._whisper(f"{to} {text}")
            if to
            else self._refuse("no private message in this room yet (/r answers those of the shown room only)")
        )

    def _set_addressee(self, rest: str) -> bool:
        if " " in rest:
            return self._refuse(f"usage: /query {COMMANDS['query'][0]}")
        before, self.view.whispering.addressee = self.view.whispering.addressee, rest
        if rest:
            self.view.note(f"your messages are sent to {rest} only, until you type /query")
        elif before:
            self.view.note(f"your messages are sent to all of {self.name} again")
        else:
            return self._refuse(f"usage: /query {COMMANDS['query'][0]}")
        self._screen.refresh()
        return True

    def send(self, frame: protocol.ClientFrame) -> bool:
        """Send a request. Unlike a message it is not kept until there is a connection: its answer would come late."""
        if not self.membership.send(frame):
            self.view.refuse_without_connection()
            return False
        return True

    def offers(self, feature: str, what: str) -> bool:
        """Return whether the server may be asked for a feature; if it is too old, say so. See ``require_feature``."""
        try:
            if self.membership.welcome is not None:  # without a connection, sending is refused
                require_feature(self.membership.welcome, feature, what)
        except Unsupported as error:
            return self._refuse(error.text)
        return True

    def _order(self, request: protocol.Admin) -> bool:
        needs = request.verb.startswith("?") or request.person
        return (not needs or self.offers("dry_run", "that order")) and self.send(request)

    def _status_lines(self) -> list[str]:
        where = f"room {self.name} on {self._options.address}, as {self.view.nick}"
        now = asyncio.get_running_loop().time()
        return [where, *status.full(self.membership, now, self.count), *status.room_state(self.view.room_state)]

    # --- what the screen asks

    @property
    def status(self) -> str:
        """What is wrong with the connection, in a few words."""
        return status.brief(self.membership, asyncio.get_running_loop().time())

    @property
    def operator(self) -> bool | None:
        """Whether we have proved an operator's key; None if the server has not told."""
        welcome = self.membership.welcome
        return welcome.operator if welcome is not None else None

    @property
    def nick(self) -> str:
        """Our nickname in the room."""
        return self.view.nick

    @property
    def count(self) -> int:
        """The number of members in the room."""
        return self.view.members.count

    @property
    def limit(self) -> int:
        """The bytes of UTF-8 that one message may have."""
        return self._limits.text

    @property
    def _limits(self) -> protocol.LimitFields:
        welcome = self.membership.welcome
        return welcome.limits if welcome else protocol.LimitFields()

    @property
    def unacknowledged(self) -> int:
        """The number of messages in the outbox."""
        return len(self.membership.outbox)

    @property
    def refusals(self) -> int:
        """The number of lines that were refused."""
        return self.view.refusals

    def run(self) -> Coroutine[Any, Any, None]:
        """Be in the room until ``leave``, across any number of reconnects."""
        return self.membership.run()

    def nicks(self) -> Iterable[str]:
        """Return the nicknames that are known."""
        return self.view.members.nicks()

    def unsent(self) -> list[str]:
        """Return the texts in the outbox that are worth showing."""
        return status.unsent(self.membership)

    def save(self) -> None:
        """Save the cursor, unless messages before it, or what of the saved one is gone, have not been shown yet."""
        self._lock_saved()
        if (cursor := self.membership.cursor) is not None and self.view.complete and not self.membership.awaits_gap:
            self._saved.save_cursor(cursor)

    def _lock_saved(self) -> None:
        """Get the files from a process that had them when we came: we have thrown it out, and it is ending."""
        now = asyncio.get_running_loop().time()
        self._tell_unkept_at = self._tell_unkept_at or now + UNKEPT_SECONDS
        if self._saved.try_again():
            for message in self._saved.adopted:
                self.membership.send_again(message)
            if self._tell_unkept_at == inf:
                self.view.note("draft, unsent lines and history are kept now")
        elif self._saved.why_not and now > self._tell_unkept_at:
            self._tell_unkept_at = inf
            self.view.note(f"no draft, no unsent line and no history is kept: {self._saved.why_not}")

    async def leave(self, seconds: float) -> int:
        """Leave the room; what is unacknowledged stays in the outbox, for the next run."""
        if self.membership.connected:
            await self.membership.settled(seconds)
        self.view.give_up_whispers("the server has not answered")
        self.view.members.flush()
        self._tell_unsent()
        self.membership.leave()
        return len(self.membership.outbox) + self.view.unknown

    def _tell_unsent(self) -> None:
        """Say what becomes of the lines that are not acknowledged; in a script the exit code does."""
        unsent = len(self.membership.outbox)
        if unsent and self._saved.kept:
            self.view.note(f"not acknowledged yet: {unsent} of your lines; the next join sends them again, once")
        elif self._saved.why_not:
            for message in self.membership.outbox:
                self.view.refuse(f"not acknowledged, and not stored: {message.frame.text}")
