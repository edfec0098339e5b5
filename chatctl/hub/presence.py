"""Presence: who is in which room, at this server and at the others.

Lives here: entering, renaming and leaving a roster, for members of this server and by the directory's news. Does not
live here: whose a name is (core/name_ownership.py), when it is committed (name_requests.py), places of the directory
(member_places.py, reclaiming.py), what is told of joins and leaves (core/roster.py), what is done at the server of a
member (errands.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from chatctl.common.names import fold_any
from chatctl.core.bans import Person
from chatctl.core.peer import Peer, peer_of
from chatctl.core.room import Reader, Room
from chatctl.core.roster import News as RosterNews
from chatctl.core.roster import Roster
from chatctl.directory import Came, Directory, News, Place, Remote, Renamed, Went
from chatctl.hub.member_places import MemberPlaces, RoomMember
from chatctl.hub.reclaiming import Reclaiming
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.protocol import Bye, Msg

REPLACED = "your nickname joined from elsewhere"
"""Why a member is disconnected whose own token or key took its place."""

LOST = "your nickname went to somebody else while this server was cut off"
"""Why a member is disconnected whose name was given away by the other servers."""


class Presence:
    """The rosters of all rooms, and the rooms that are open."""

    def __init__(self, hub: Shared, directory: Directory, tick: Tick, on_empty: Callable[[Room], None]) -> None:
        """Start with the members of other servers.

        Args:
            hub: whose rooms.
            directory: what the servers share.
            tick: sweeps rooms.
            on_empty: told of an open room whose last member, of another server, left.
        """
        self._hub = hub
        self._directory = directory
        self._tick = tick
        self._on_empty = on_empty
        self.rooms: dict[str, Room] = {}
        """Those that are open at this server, by name."""
        self._rosters: dict[str, Roster[Reader | None]] = {}
        self._places = places = MemberPlaces(hub, directory, self._last)
        self.find, self.remote, self.wish, self.release = places.find, places.remote, places.wish, places.release
        self._remote = 0
        for remote in directory.follow(self._take_news):
            self._came(remote)
        self._reclaiming = Reclaiming(hub, directory, places, self.lose)
        directory.count_watchers(self._watchers)

    def roster(self, room: str) -> Roster[Reader | None]:
        """Return the roster of a room, open or not."""
        if room not in self._rosters:
            self._rosters[room] = Roster(room, self._hub.names.here)
        return self._rosters[room]

    def opened(self, room: Room) -> None:
        """Note an open room: what happened before is not told in it."""
        self.rooms[room.name] = room
        room.roster.news = RosterNews()

    def closed(self, room: Room) -> None:
        """Note that a room is closed."""
        del self.rooms[room.name]
        if not room.roster:
            self._rosters.pop(room.name, None)

    def rooms_of(self, members: Iterable[RoomMember]) -> list[Room]:
        """Return the rooms of members that are open at this server."""
        return [self.rooms[name] for name in dict.fromkeys(one.room for one in members) if name in self.rooms]

    def members(self) -> Iterator[tuple[str, int]]:
        """Yield the rooms that have members, at any server, and how many."""
        return ((name, len(roster)) for name, roster in self._rosters.items() if roster)

    # --- watchers

    def watchers(self, room: Room) -> int:
        """Return how many watch a room, at all servers."""
        return room.watchers + self._directory.watchers(room.name)

    def _watchers(self) -> Mapping[str, int]:
        return {name: room.watchers for name, room in self.rooms.items() if room.watchers}

    # --- members of this server

    def add(self, peer: Peer, room: Room, nick: str, place: Place, since: float) -> None:
        """List a peer as a new member of a room."""
        self._clear(room.roster, nick)
        now, host = self._hub.clock.steady(), peer.info.host
        member = room.roster.add(nick, peer.token, peer, now, peer.key, since=since, place=place, host=host)
        peer.member = member
        self._places.add(member)

    def take_over(self, peer: Peer, room: Room, member: RoomMember, nick: str, place: Place) -> None:
        """Give a listed member's place to another peer of its owner. Nothing is announced but another spelling."""
        before = peer_of(member)
        self._places.move(member, place)
        peer.member = member
        member.conn, member.token, member.proved, member.host = peer, peer.token, peer.key, peer.info.host
        if member.nick != nick:
            room.roster.rename(member, nick)
        if before is None:
            self._remote -= 1
        else:
            self._replace(before)

    def rename(self, room: Room, member: RoomMember, nick: str, place: Place, instead: Place | None) -> None:
        """Give a listed member another name, and a place ``instead`` of the one that it had."""
        if member.place != instead:  # claimed anew meanwhile, under the old name
            self.release(member.place, room.name)
        self._places.move(member, place)
        room.roster.rename(member, nick)
        self._tick.touch(room)

    def give_up(self, place: Place | None, room: str, member: RoomMember | None) -> None:
        """Give up a place as ``release``. It took the place of a ``member``, if that is one: that one is out, too.

        Else it would stay listed, at this server alone, without a place: the name is free for others.
        """
        if place is None or member is None or not self.roster(room).holds(member):
            self.release(place, room)
            return
        before = peer_of(member)
        self._places.move(member, place)
        if before is not None:
            self._hub.disconnect(before, "replaced", Bye(why=REPLACED, final=True, code="nick_taken"))
            return
        self.release(place, room)
        self._went(place, 0)

    def unlist(self, member: RoomMember) -> None:
        """Free a name at once. Call ``gone`` when all that its member said is committed."""
        self.roster(member.room).unlist(member)
        self._places.leave(member)

    def gone(self, member: RoomMember) -> None:
        """Announce that an unlisted member left."""
        self.roster(member.room).gone(member)
        self._places.give_up(member)

    def _last(self, room: str) -> int:
        return self.rooms[room].ring.last if room in self.rooms else 0

    def _replace(self, peer: Peer) -> None:
        peer.member = None
        self._hub.disconnect(peer, "replaced", Bye(why=REPLACED, final=True, code="nick_taken"))

    # --- what is shown

    def heard(self, room: Room, entries: Iterable[Msg]) -> None:
        """Note who has spoken, at whichever server."""
        rules = self._hub.rules
        if not (self._remote or rules.room(room.name).slow):
            return
        now = self._hub.clock.steady()
        for nick in {entry.nick for entry in entries}:
            member = room.roster.keyed(fold_any(nick))
            if member is None:  # it only posts, or has left
                rules.heard(Person(nick), room.name, now)
            else:
                member.spoke = now
                rules.heard(Person(nick, member.proved, member.token), room.name, now)

    # --- members of other servers

    def _take_news(self, news: Sequence[News]) -> None:
        for one in news:
            match one:
                case Came(remote):
                    self._came(remote)
                case Went(place, after):
                    self._went(place, after)
                case Renamed(old, now):
                    self._renamed(old, now)

    def _came(self, remote: Remote) -> None:
        roster = self.roster(remote.room)
        self._clear(roster, remote.nick)
        member = roster.add(
            remote.nick,
            remote.token,
            None,
            self._hub.clock.steady(),
            remote.key,
            since=remote.since,
            place=remote.place,
            host=remote.host,
        )
        self._places.add(member)
        self._remote += 1
        self._tell(remote.room)

    def _went(self, place: Place, after: int) -> None:
        member = self._places.drop(place)
        if member is None or member.conn is not None:
            return
        self._remote -= 1
        self.roster(member.room).unlist(member)
        room = self.rooms.get(member.room)
        if room is not None:
            room.leave_after(after, member)
        else:
            self.roster(member.room).gone(member)
        self._tell(member.room)
        if room is not None and not room.roster:
            self._on_empty(room)

    def _renamed(self, old: Place, now: Remote) -> None:
        member = self.find(old)
        roster = self.roster(now.room)
        if member is None or not roster.holds(member):  # it is leaving this server
            self._came(now)
            return
        before = peer_of(member)
        self._places.move(member, now.place)
        member.conn, member.token, member.proved, member.host = None, now.token, now.key, now.host
        if member.nick != now.nick:
            self._clear(roster, now.nick, but=member)
            roster.rename(member, now.nick)
            self._tell(now.room)
        if before is not None:
            self._remote += 1
            self._replace(before)

    def _tell(self, name: str) -> None:
        """Tell what has changed in a room; in one that is not open nobody is told."""
        if name in self.rooms:
            self._tick.touch(self.rooms[name])
        elif self._rosters[name]:
            self._rosters[name].news = RosterNews()
        else:
            del self._rosters[name]

    # --- places that were lost

    def _clear(self, roster: Roster[Reader | None], nick: str, but: RoomMember | None = None) -> None:
        """Let nobody else have a name that the directory has given away, such as one whose place was lost."""
        member = roster.find(nick)
        if member is None or member is but:
            return
        if (peer := peer_of(member)) is not None:
            self.lose(peer)
        elif member.place is not None:
            self._went(member.place, 0)

    def lose(self, peer: Peer) -> None:
        """Disconnect a peer whose name is somebody else's by now."""
        self._hub.disconnect(peer, "replaced", Bye(why=LOST, final=True, code="nick_taken"))
