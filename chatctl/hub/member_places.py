"""Member places: which member has which place of the directory, and when this server gives one up.

Does not live here: who is listed in which room (presence.py), places that were lost (reclaiming.py), who may have which
(core/name_ownership.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from chatctl.common.names import fold_nick
from chatctl.core.confusables import skeletons
from chatctl.core.members import Member, Members
from chatctl.core.peer import Peer
from chatctl.core.room import Reader
from chatctl.directory import Directory, Place, Wish
from chatctl.hub.shared import Shared
from chatctl.journal import Facts

RoomMember = Member[Reader | None]


class MemberPlaces:
    """The places of all members, of this server and of others."""

    def __init__(self, hub: Shared, directory: Directory, last: Callable[[str], int]) -> None:
        """Start without any.

        Args:
            hub: whose members.
            directory: gives places.
            last: returns the number of a room's last entry here.
        """
        self._hub = hub
        self._directory = directory
        self._last = last
        self._members: dict[Place, RoomMember] = {}
        self._leaving: Members[Reader | None] = Members()
        """Unlisted members of this server that are not released yet."""

    def find(self, place: Place) -> RoomMember | None:
        """Return the member of a place, or None."""
        return self._members.get(place)

    def remote(self) -> Iterator[RoomMember]:
        """Yield the members of other servers."""
        return (member for member in self._members.values() if member.conn is None)

    def wish(
        self,
        nick: str,
        peer: Peer,
        room: str = "",
        *,
        place: Place | None = None,
        since: float = 0.0,
        facts: Facts | None = None,
    ) -> Wish:
        """Return the wish for a name that was decided to be a peer's, by who is here now.

        Members that have it, or one like it, and are leaving, give it up first. The rest is as in ``Wish``.
        """
        seen = frozenset(one.place for one in self._hub.names.here.alike(nick) if one.place is not None)
        for member in list(self._leaving.alike(nick)) if self._leaving else ():
            self.give_up(member)  # which may hand out news that was not decided by
        return Wish(
            nick,
            fold_nick(nick),
            skeletons(nick),
            seen,
            room,
            place,
            peer.token,
            peer.key,
            since,
            peer.info.host,
            facts or {},
        )

    def add(self, member: RoomMember) -> None:
        """Note the place that a new member has."""
        if member.place is not None:
            self._members[member.place] = member

    def move(self, member: RoomMember, place: Place) -> None:
        """Give a member another place than it had."""
        if member.place is not None:
            self._members.pop(member.place, None)
        member.place = place
        self._members[place] = member

    def drop(self, place: Place) -> RoomMember | None:
        """Forget a place; return whose it was. One of another server has none any more."""
        member = self._members.pop(place, None)
        if member is not None and member.conn is None:
            member.place = None
        return member

    # --- those that are given up

    def release(self, place: Place | None, room: str) -> None:
        """Give up a place whose peer left before it was listed under it."""
        if place is not None:
            self._directory.release([place], self._last(room))

    def leave(self, member: RoomMember) -> None:
        """Note that a member is listed no more; ``give_up`` its place when all that it said is committed."""
        if member.place is not None:
            self._leaving.add(member)

    def give_up(self, member: RoomMember) -> None:
        """Give up the place of a member that is leaving, if it still has one."""
        if member.place is not None:
            self._directory.release([member.place], self._last(member.room))
            self.forget(member)

    def forget(self, member: RoomMember) -> None:
        """Forget the place of an unlisted member."""
        if member.place is not None:
            self._leaving.remove(member)
            self._members.pop(member.place, None)
            member.place = None

    def take_away(self, places: Iterable[Place]) -> list[RoomMember]:
        """Forget places that are none any more; return whose they were."""
        return [member for place in places if (member := self._members.pop(place, None)) is not None]
