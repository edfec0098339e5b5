"""Admission: which rooms there are, and which may be opened.

Does not live here: whose a nickname is (name_ownership.py), bans (moderation.py), opening a room (hub/history.py).
"""

from __future__ import annotations

from collections.abc import Collection

from chatctl.common.names import check_room
from chatctl.core.name_claims import NameClaims
from chatctl.errors import RoomInvalid
from chatctl.protocol import DEFAULT_ROOM

MAX_OPEN_ROOMS = 1_000
"""Rooms that clients may open: each costs memory, and nothing ever closes one."""


class Admission:
    """The rooms of one server, and the names that are bound there."""

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

    def room(self, name: str, opened: Collection[str]) -> str:
        """Return the name of a room that may be entered; ``opened`` are those open now. Raises RoomInvalid."""
        check_room(name)
        if name in self.rooms or name in opened:
            return name
        if not self._open_rooms:
            raise RoomInvalid(f"there is no room '{name}'; rooms: {', '.join(sorted(self.rooms)[:20])}")
        if len(opened) >= MAX_OPEN_ROOMS + len(self.rooms):
            raise RoomInvalid(f"this server has {len(opened)} rooms already: use one of those")
        return name
