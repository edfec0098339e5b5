"""Several rooms in one ``join``: a connection, an outbox and a line for each; one of them is shown.

Lives here: entering and leaving rooms, the commands for that, and what each of them ends. Does not live here: which
room is shown (room_list.py), one room (joined_room.py), the lines that wait (room_screen.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chatctl import protocol
from chatctl.client.saved_state import SavedState
from chatctl.common.names import check_room
from chatctl.errors import ChatError, RoomInvalid
from chatctl.terminal.interfaces import JoinOptions, Screen, TypedCommand
from chatctl.terminal.joined_room import JoinedRoom
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.room_list import RoomList, Unread
from chatctl.terminal.room_screen import RoomScreen
from chatctl.terminal.shown_room import ShownRoom
from chatctl.terminal.slash_commands import Command, parse

OpenSaved = Callable[[str, str], SavedState]
"""Returns what is saved for a room and a nickname."""


COUNTS_SECONDS = 0.1
"""How long what has become unread may wait to be counted in the prompt: in a flood each message would draw it anew."""

TOGETHER_SECONDS = 0.1
"""Rooms that end within this time may have ended by one act, such as a ban, that ends all: the last error tells it."""


class Rooms(ShownRoom):
    """A Conversation in one or more rooms."""

    def __init__(
        self, options: JoinOptions, open_saved: OpenSaved, render: FrameRenderer, screen: Screen, token: str | None
    ) -> None:
        """Make it inside a running event loop, then await ``run``."""
        self._options = options
        self._open_saved = open_saved
        self._render = render
        self._screen = screen
        self._token = token
        self._list = RoomList()
        self._rooms: dict[str, JoinedRoom] = {}
        self._parting: set[asyncio.Task[int]] = set()
        self._refused = 0
        """Lines that were refused in rooms that are parted."""
        self._counts_are_due = False
        self._untold: list[JoinedRoom] = []
        """Rooms that we are out of; the user is not told yet."""
        self._leaving = False
        self._at_the_end: list[str] = []
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.entered = asyncio.Event()
        self._commands: Mapping[str, TypedCommand] = {
            "join": self._join,
            "part": self._part,
            "rooms": lambda _: self._list_rooms(),
            "next": lambda _: self._show_next(),
            "room": lambda number: self.go_to(int(number)),
        }
        self._add(options.room, options.nick)

    # --- entering and leaving

    async def run(self) -> None:
        """Be in the rooms until the last one is left. Raises ChatError if the first one can't be entered.

        The others are entered once we are in the first: what has to be asked, for a password say, is asked once.
        """
        first = self._shown
        first.enter(self._ended)
        entered = asyncio.ensure_future(first.controller.entered.wait())
        waits: list[asyncio.Future[Any]] = [entered, self._over]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        entered.cancel()
        if not self._over.done():
            self.entered.set()
            for name in self._options.more_rooms:
                if name not in self._list:
                    self._add(name, first.controller.nick).enter(self._ended)
        await self._over

    def _add(self, name: str, nick: str) -> JoinedRoom:
        render, options = self._render.for_room(), replace(self._options, room=name, nick=nick)
        screen = RoomScreen(name, self._screen, render, lambda for_you: self._said(name, for_you), self._is_mixed)
        room = JoinedRoom(options, self._open_saved(name, nick), render, screen, self._token, self._commands)
        room.controller.view.room_lines = self._room_lines
        if name not in self._list:
            self._list.add(name)
        if name != self._list.shown:
            screen.hide()
        self._rooms[name] = room
        return room

    def _ended(self, room: JoinedRoom, error: Exception | None) -> None:
        """End it all with the last room; else the others go on, and the user is told."""
        if self._rooms.get(room.name) is not room:  # it was parted
            return
        over = all(one.out for one in self._rooms.values())
        if over or not (self._leaving or (isinstance(error, ChatError) and self._options.for_person)):
            # A script's lines must not go to another room than it has begun in.
            self._tell_untold(besides=str(error))
            self._finish(error)
        elif not self._leaving and not room.was_entered:
            self._remove(room, carry=True)
            self._refuse(f"cannot join {room.name}: {room.out}")
        elif not self._leaving:
            self._untold.append(room)
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._tell_untold)
            self._screen.refresh()

    def _tell_untold(self, *, besides: str = "") -> None:
        """Tell once why we are out of a room, unless that is ``besides``, which is told anyway."""
        untold, self._untold = self._untold, []
        for room in untold:
            if room.out != besides:
                where = room if self._screen.mixes_rooms else self._shown
                where.controller.view.refuse(why := f"{room.name}: {room.out}")
                if where is not room:  # for who looks there later
                    room.controller.view.show([self._render.error(why)])

    def _finish(self, error: Exception | None) -> None:
        if not self._over.done():
            self._over.set_exception(error) if error is not None else self._over.set_result(None)

    async def leave(self, seconds: float) -> int:
        """Leave all rooms. Returns as ``Conversation.leave``."""
        self._leaving = True
        self._tell_untold()
        self._at_the_end = [room.name for room in self._rooms.values() if not room.out]
        for room in self._rooms.values():
            if room is not self._shown:
                room.screen.print_all()
        leaving = [room.leave(seconds) for room in self._rooms.values()]
        return sum(await asyncio.gather(*leaving, *self._parting))

    def _remove(self, room: JoinedRoom, *, carry: bool = False) -> None:
        """Take a room out of the list; if it was shown, another one is. Its files are closed when it has ended."""
        was_shown = room is self._shown
        del self._rooms[room.name]
        self._refused += room.controller.refusals
        unread = self._list.remove(room.name)
        if was_shown:
            self._open(unread, carry=carry)
        parting = asyncio.get_running_loop().create_task(room.part())
        self._parting.add(parting)

    # --- which one is shown

    @property
    def _shown(self) -> JoinedRoom:
        assert self._list.shown is not None, "there is a room as long as the program runs"
        return self._rooms[self._list.shown]

    def _is_mixed(self) -> bool:
        return self._screen.mixes_rooms and len(self._list) > 1

    def _said(self, name: str, for_you: bool) -> None:
        if name in self._list and not self._screen.mixes_rooms:
            self._list.said(name, for_you=for_you)
            if not self._counts_are_due:
                self._counts_are_due = True
                asyncio.get_running_loop().call_later(COUNTS_SECONDS, self._show_counts)

    def _show_counts(self) -> None:
        self._counts_are_due = False
        self._screen.refresh()

    def _show(self, name: str) -> bool:
        if name == self._list.shown:
            return self._refuse(f"this is {name}")
        before = self._shown
        before.controller.save()  # what the user has seen of it, up to here
        before.screen.hide()
        self._open(self._list.show(name))
        return True

    def _open(self, unread: Unread, *, carry: bool = False) -> None:
        room = self._shown
        self._screen.room_changed(carry=carry)
        news = str(unread) if unread else "nothing new" if room.was_entered else "joining"
        room.screen.open(f"{room.name}: {news}")

    def _refuse(self, why: str) -> bool:
        self._shown.controller.view.refuse(why)
        return False

    def go_to(self, number: int) -> bool:
        """Show the room of that number; return whether there is one."""
        name = self._list.numbered(number)
        return self._show(name) if name is not None else self._refuse(f"there is no room {number}: /rooms lists them")

    def _show_next(self) -> bool:
        name = self._list.next()
        return self._show(name) if name is not None else self._refuse("there is no other room: /join ROOM joins one")

    # --- commands

    def _join(self, rest: str) -> bool:
        try:
            name = check_room(rest.removeprefix("#").lower())
        except RoomInvalid as error:
            return self._refuse(error.text)
        before = self._rooms.get(name)
        if before is not None and not before.out:
            return self._show(name)
        nick = self._shown.controller.nick
        if before is not None:
            before.hand_over()
        self._add(name, nick).enter(self._ended)
        if name != self._list.shown:
            return self._show(name)
        self._screen.room_changed()  # we were out of it: its line is another one now
        return True

    def _part(self, rest: str) -> bool:
        name = rest.removeprefix("#").lower() or self._shown.name
        room = self._rooms.get(name)
        if room is None:
            return self._refuse(f"you are not in {name}: /rooms lists the rooms")
        if all(one.out for one in self._rooms.values() if one is not room):
            self._screen.leave()
        else:
            self._remove(room)
            self._shown.controller.view.note(f"left {name}")
        return True

    def _list_rooms(self) -> bool:
        controller = self._shown.controller
        return controller.offers("rooms", "a list of rooms") and controller.send(protocol.Rooms())

    def _room_lines(self, rooms: protocol.RoomList) -> list[str]:
        return self._render.rooms(rooms.rooms, self._list.names, self._list.shown)

    # --- as a Conversation

    def submit(self, line: str) -> bool:
        """Carry out a line in the room that is shown. An empty one makes lost connections be tried again at once."""
        if not line.strip():
            for room in self._rooms.values():
                room.controller.submit(line)
            return False
        match parse(line) if self._shown.out else None:
            case str() | Command("me"):
                return self._refuse(
                    f"you are not in {self._shown.name} any more: /join {self._shown.name} joins it again"
                )
        return self._shown.controller.submit(line)

    @property
    def names(self) -> list[str]:
        """The rooms, for the command that comes back to them: at the end those that we were not sent out of."""
        return self._at_the_end or self._list.names

    @property
    def several(self) -> bool:
        """Whether there is more than one room."""
        return len(self._list) > 1

    @property
    def activity(self) -> str:
        """What is unread in the other rooms."""
        return self._list.activity

    @property
    def title(self) -> str:
        """What the window's title should say: nothing, as long as there is only one room."""
        unread = self._list.all_unread
        where = f"{self.nick}@{self.name}"
        return f"{unread}: {where}" if unread else where if self.several else ""

    @property
    def unacknowledged(self) -> int:
        """The number of messages in all outboxes."""
        return sum(room.controller.unacknowledged for room in self._rooms.values())

    @property
    def refusals(self) -> int:
        """The number of lines that were refused in any room."""
        return self._refused + sum(room.controller.refusals for room in self._rooms.values())

    def save(self) -> None:
        """Save how far each room was read."""
        for room in self._rooms.values():
            room.controller.save()
