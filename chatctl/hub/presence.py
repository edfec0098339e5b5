"""Presence: who is in which room, at this server and at the others.

Lives here: entering, renaming and leaving a roster, for members of this server and by the directory's news; places that
were lost. Does not live here: whose a name is (core/name_ownership.py), when it is committed (name_requests.py), what
is told of joins and leaves (core/roster.py), what is done at the server of a member (errands.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from chatctl.common.names import fold_any, fold_nick
from chatctl.core.bans import Person
from chatctl.core.confusables import skeletons
from chatctl.core.members import Member, Members
from chatctl.core.name_ownership import Ask, grant
from chatctl.core.peer import Peer, peer_of
from chatctl.core.room import Reader, Room
from chatctl.core.roster import News as RosterNews
from chatctl.core.roster import Roster
from chatctl.directory import Came, Directory, News, Place, Remote, Renamed, Went, Wish
from chatctl.errors import ChatError, NickTaken
from chatctl.hub.name_requests import commit_name
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.journal import Facts
from chatctl.protocol import Bye, Msg

REPLACED = "your nickname joined from elsewhere"
"""Why a member is disconnected whose own token or key took its place."""

LOST = "your nickname went to somebody else while this server was cut off"
"""Why a member is disconnected whose name was given away by the other servers."""

RETRY_SECONDS = 1.0
"""After which a member comes back whose name could not be claimed anew."""

RoomMember = Member[Reader | None]


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
        self._members: dict[Place, RoomMember] = {}
        self._leaving: Members[Reader | None] = Members()
        """Unlisted members of this server that are not released yet."""
        self._remote = 0
        for remote in directory.follow(self._take_news):
            self._came(remote)
        directory.on_fenced(self._claim_anew)
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

    def find(self, place: Place) -> RoomMember | None:
        """Return the member of a place, or None."""
        return self._members.get(place)

    def remote(self) -> Iterator[RoomMember]:
        """Yield the members of other servers."""
        return (member for member in self._members.values() if member.conn is None)

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
            self._release(member)  # which may hand out news that was not decided by
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

    def add(self, peer: Peer, room: Room, nick: str, place: Place, since: float) -> None:
        """List a peer as a new member of a room."""
        self._clear(room.roster, nick)
        now, host = self._hub.clock.steady(), peer.info.host
        member = room.roster.add(nick, peer.token, peer, now, peer.key, since=since, place=place, host=host)
        peer.member = self._members[place] = member

    def take_over(self, peer: Peer, room: Room, member: RoomMember, nick: str, place: Place) -> None:
        """Give a listed member's place to another peer of its owner. Nothing is announced but another spelling."""
        before = peer_of(member)
        self._move(member, place)
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
        self._move(member, place)
        room.roster.rename(member, nick)
        self._tick.touch(room)

    def release(self, place: Place | None, room: str) -> None:
        """Give up a place whose peer left before it was listed under it."""
        if place is not None:
            self._directory.release([place], self._last(room))

    def give_up(self, place: Place | None, room: str, member: RoomMember | None) -> None:
        """Give up a place as ``release``. It took the place of a ``member``, if that is one: that one is out, too.

        Else it would stay listed, at this server alone, without a place: the name is free for others.
        """
        if place is None or member is None or not self.roster(room).holds(member):
            self.release(place, room)
            return
        before = peer_of(member)
        self._move(member, place)
        if before is not None:
            self._hub.disconnect(before, "replaced", Bye(why=REPLACED, final=True, code="nick_taken"))
            return
        self.release(place, room)
        self._went(place, 0)

    def unlist(self, member: RoomMember) -> None:
        """Free a name at once. Call ``gone`` when all that its member said is committed."""
        self.roster(member.room).unlist(member)
        if member.place is not None:
            self._leaving.add(member)

    def gone(self, member: RoomMember) -> None:
        """Announce that an unlisted member left."""
        self.roster(member.room).gone(member)
        self._release(member)

    def _release(self, member: RoomMember) -> None:
        if member.place is not None:
            self._directory.release([member.place], self._last(member.room))
            self._forget(member)

    def _forget(self, member: RoomMember) -> None:
        """Forget the place of an unlisted member."""
        if member.place is not None:
            self._leaving.remove(member)
            self._members.pop(member.place, None)
            member.place = None

    def _move(self, member: RoomMember, place: Place) -> None:
        if member.place is not None:
            self._members.pop(member.place, None)
        member.place = place
        self._members[place] = member

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
        self._members[remote.place] = member
        self._remote += 1
        self._tell(remote.room)

    def _went(self, place: Place, after: int) -> None:
        member = self._members.pop(place, None)
        if member is None or member.conn is not None:
            return
        member.place = None
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
        member = self._members.get(old)
        roster = self.roster(now.room)
        if member is None or not roster.holds(member):  # it is leaving this server
            self._came(now)
            return
        before = peer_of(member)
        self._move(member, now.place)
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
            self._lose(peer)
        elif member.place is not None:
            self._went(member.place, 0)

    def _lose(self, peer: Peer) -> None:
        self._hub.disconnect(peer, "replaced", Bye(why=LOST, final=True, code="nick_taken"))

    def _claim_anew(self, places: Sequence[Place]) -> None:
        """Claim the names of this server's members again: others may have taken them, or bound them."""
        members = [member for place in places if (member := self._members.pop(place, None)) is not None]
        lost: list[tuple[Peer, RoomMember]] = []
        for member in members:
            peer = peer_of(member)
            if peer is not None and peer.leaving is None:
                member.place = None
                lost.append((peer, member))
            else:
                self._forget(member)
        for peer, member in lost:
            if peer.leaving is None and member.place is None:
                self._claim_again(peer, member)

    def _claim_again(self, peer: Peer, member: RoomMember) -> None:
        def decide() -> tuple[None, Wish | None]:
            if member.place is not None:  # renamed meanwhile
                return None, None
            ask = Ask(member.nick, peer.owner, "rename", member.room, place=member)
            grant(self._hub.names.decide(ask, self._hub.clock()))
            return None, self.wish(member.nick, peer, member.room, since=member.since)

        def given(_: None, place: Place | None) -> None:
            if peer.member is not member or peer.leaving is not None or member.place is not None:
                self.release(place, member.room)
            elif place is not None:
                self._move(member, place)

        def refused(error: ChatError) -> None:
            if isinstance(error, NickTaken):
                self._lose(peer)
            else:
                self._hub.disconnect(peer, error.wire_code or "lost", Bye(why=error.text, retry_after=RETRY_SECONDS))

        commit_name(self._directory, peer, decide, given, refused)
