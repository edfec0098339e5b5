"""Admission: who may come in, into which room, under which name.

Lives here: decisions on a hello and on a new nickname. Does not live here: carrying them out (hub.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TypeVar

from chatctl.dialects import Dialect, bend_nick
from chatctl.errors import NickTaken, RoomInvalid
from chatctl.protocol import DEFAULT_ROOM, Hello
from chatctl.roster import Member, Roster
from chatctl.text import check_nick, check_room, clean

MAX_OPEN_ROOMS = 1_000
"""Rooms that guests may open: each costs memory, and nothing ever closes one."""

Conn = TypeVar("Conn")


def owner_of(token: str | None) -> bytes | None:
    """Give what the server keeps of a client's secret: its hash."""
    return hashlib.sha256(token.encode()).digest() if token else None


class Admission:
    """The rules of one server."""

    def __init__(self, server: str, rooms: Collection[str] = (), *, open_rooms: bool = False) -> None:
        """Let people into ``lobby`` and the rooms named, or into any if ``open_rooms``. Raises RoomInvalid."""
        self.server = server
        self.rooms = frozenset([DEFAULT_ROOM, *map(check_room, rooms)])
        self._open_rooms = open_rooms

    def room(self, name: str, opened: Collection[str]) -> str:
        """Give the room's name if it may be entered. Raises RoomInvalid."""
        check_room(name)
        if name in self.rooms or name in opened:
            return name
        if not self._open_rooms:
            raise RoomInvalid(f"there is no room '{name}' here; there is: {', '.join(sorted(self.rooms)[:20])}")
        if len(opened) >= MAX_OPEN_ROOMS + len(self.rooms):
            raise RoomInvalid(f"this server has {len(opened)} rooms already: use one of those")
        return name

    def nick(self, hello: Hello, dialect: Dialect, token: bytes | None, roster: Roster[Conn]) -> str:
        """Give the nickname that a hello gets, or the empty one if its mode needs none.

        Raises:
            NickInvalid: it can't be a name.
            NickTaken: a member holds it, and not with this token.
        """
        if hello.mode in ("watch", "probe"):
            return check_nick(hello.nick) if hello.nick else ""
        if dialect.bends_names:
            return bend_nick(hello.nick, lambda nick: roster.find(nick) is not None)
        return self.free(hello.nick, token, roster)

    def free(self, nick: str, token: bytes | None, roster: Roster[Conn], own: Member[Conn] | None = None) -> str:
        """Give the nickname as it will be shown if nobody else holds it. Raises as ``nick``."""
        shown = check_nick(nick)
        holder = roster.find(shown)
        if holder is None or holder is own or (own is None and token and holder.token == token):
            return shown
        raise NickTaken(f"{clean(holder.nick)} is somebody else's nickname now: choose another one")
