"""Admission: which room may be entered, and which nickname may be had.

Lives here: decisions on a hello and on a new nickname. Does not live here: carrying them out (hub/login.py,
hub/hub.py), bans (moderation.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TypeVar

from msgspec import Struct

from chatctl.common.names import MAX_NICK_POINTS, check_nick, check_room
from chatctl.common.text import clean
from chatctl.core.dialects import Dialect, bend_nick
from chatctl.core.name_claims import NameClaims
from chatctl.core.roster import Member, Roster
from chatctl.errors import NickInvalid, NickTaken, RoomInvalid
from chatctl.protocol import DEFAULT_ROOM, Hello

MAX_OPEN_ROOMS = 1_000
"""Rooms that clients may open: each costs memory, and nothing ever closes one."""

Conn = TypeVar("Conn")


def owner_of(token: str | None) -> bytes | None:
    """Return what the server stores of a client's token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest() if token else None


class Owner(Struct, frozen=True):
    """Ownership proofs: token hash, key fingerprint."""

    token: bytes | None = None
    key: str | None = None

    def owns(self, member: Member[Conn]) -> bool:
        """Return whether a member's name is this owner's."""
        return (self.token is not None and self.token == member.token) or (
            self.key is not None and self.key == member.proved
        )


NOBODY = Owner()


class Admission:
    """The rules of one server on rooms and nicknames."""

    def __init__(
        self, server: str, rooms: Collection[str] = (), *, open_rooms: bool = False, claims: NameClaims | None = None
    ) -> None:
        """Allow ``lobby`` and these rooms, or any if ``open_rooms``. Raises RoomInvalid.

        Args:
            server: its name, for the welcome.
            rooms: names beside ``lobby``.
            open_rooms: open any other room when it is first entered.
            claims: names bound to keys; by default none is ever bound.
        """
        self.server = server
        self.claims = claims if claims is not None else NameClaims(binding=False)
        self.rooms = frozenset([DEFAULT_ROOM, *map(check_room, rooms)])
        self._open_rooms = open_rooms
        self.max_nick = MAX_NICK_POINTS

    def room(self, name: str, opened: Collection[str]) -> str:
        """Return the name of a room that may be entered; ``opened`` are those open now. Raises RoomInvalid."""
        check_room(name)
        if name in self.rooms or name in opened:
            return name
        if not self._open_rooms:
            raise RoomInvalid(f"there is no room '{name}' here; there is: {', '.join(sorted(self.rooms)[:20])}")
        if len(opened) >= MAX_OPEN_ROOMS + len(self.rooms):
            raise RoomInvalid(f"this server has {len(opened)} rooms already: use one of those")
        return name

    def nick(self, hello: Hello, dialect: Dialect, owner: Owner, roster: Roster[Conn]) -> str:
        """Return the nickname for a hello; it may be empty in modes that need none.

        Raises:
            NickInvalid: it can't be a nickname.
            NickTaken: it belongs to somebody else, or looks like a nickname that does.
        """
        if hello.mode in ("watch", "probe"):
            return check_nick(hello.nick) if hello.nick else ""
        if dialect.bends_names:
            return bend_nick(hello.nick, lambda nick: self._is_taken(nick, roster), self.max_nick)
        return self.free(hello.nick, owner, roster)

    def _is_taken(self, nick: str, roster: Roster[Conn]) -> bool:
        try:
            self.free(nick, NOBODY, roster)
        except NickTaken:
            return True
        return False

    def free(self, nick: str, owner: Owner, roster: Roster[Conn], own: Member[Conn] | None = None) -> str:
        """Return a nickname as it will be shown, if its owner may have it. Raises as ``nick``.

        Args:
            nick: as it was asked for.
            owner: who asks.
            roster: of the room.
            own: the member that asks, if it is one already: a rename.
        """
        shown = check_nick(nick)
        if len(shown) > self.max_nick:
            raise NickInvalid(f"a nickname has at most {self.max_nick} characters here")
        self._check_look_alikes(shown, owner, roster, own)
        claim = self.claims.find(shown)
        if claim is not None:
            if claim.key != owner.key:
                raise NickTaken(f"{clean(claim.nick)} is bound to a key that is not yours: choose another name")
            return shown
        holder = roster.find(shown)
        if holder is None or holder is own or (own is None and owner.owns(holder)):
            return shown
        raise NickTaken(f"{clean(holder.nick)} is somebody else's nickname now: choose another one")

    def _check_look_alikes(self, nick: str, owner: Owner, roster: Roster[Conn], own: Member[Conn] | None) -> None:
        for claim in self.claims.like(nick):
            if claim.key != owner.key:
                raise NickTaken(
                    f"{clean(nick)} looks like {clean(claim.nick)}, which is bound to a key that is not yours"
                )
        for member in roster.like(nick):
            if member is not own and not owner.owns(member):
                raise NickTaken(f"{clean(nick)} looks like {clean(member.nick)}, who is here: choose another name")
