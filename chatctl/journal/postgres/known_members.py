"""Known members: who is at the other servers, and which places are this one's, as the directory's thread knows it.

Lives here: what of the news and of a snapshot is new, and not this server's own. No I/O. Does not live here: reading
them (presence.py), members as the hub knows them (core/members.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatctl.directory import Came, Given, News, Place, Remote, Renamed, Verdict, Went, Wish
from chatctl.journal.postgres.presence import Snapshot


class KnownMembers:
    """One server's knowledge, up to one of the news."""

    def __init__(self, sid: str, snapshot: Snapshot) -> None:
        """Start with all who are here. ``sid`` is this server, which has no place yet."""
        self.sid = sid
        self.last = snapshot.last
        self._sids = {sid}  # of all incarnations
        self._remotes = dict(snapshot.members)
        self._own: set[Place] = set()

    def remotes(self) -> list[Remote]:
        """Return who is at the other servers."""
        return list(self._remotes.values())

    def take(self, number: int, by_sid: str, news: News | None) -> bool:
        """Take one of the news; return whether it is to be told: it is of another server, and of a known kind."""
        self.last = number
        match news:
            case None:
                return False
            case Came(member):
                self._add(member)
            case Went(place) if place.server in self._sids:
                if by_sid:  # given up; else it was swept, which is told as a whole
                    self._own.discard(place)
                return False
            case Went(place):
                self._drop(place)
            case Renamed(old, now):
                self._drop(old)
                self._add(now)
        return by_sid not in self._sids

    def _add(self, member: Remote) -> None:
        if member.place.server not in self._sids:
            self._remotes[member.place.number] = member

    def _drop(self, place: Place) -> None:
        self._remotes.pop(place.number, None)
        self._own.discard(place)

    # --- this server's own

    def judged(self, wishes: Iterable[Wish], verdicts: Iterable[Verdict]) -> None:
        """Note what was given to this server."""
        for wish, verdict in zip(wishes, verdicts, strict=True):
            if isinstance(verdict, Given) and verdict.place is not None:
                self._own.add(verdict.place)
                if wish.place is not None:
                    self._drop(wish.place)

    def lose_own(self, places: Iterable[Place]) -> None:
        """Note that this server gave places up."""
        self._own.difference_update(places)

    def begin_anew(self, sid: str) -> Sequence[Place]:
        """Go on under another id; return the places that were this server's."""
        self.sid = sid
        self._sids.add(sid)
        own, self._own = sorted(self._own), set()
        return own

    # --- snapshots

    def has_own(self, snapshot: Snapshot, *, exactly: bool = True) -> bool:
        """Return whether all places of this server are there; ``exactly``: and no others of it."""
        there = {one.place for one in snapshot.members.values() if one.place.server == self.sid}
        return self._own == there if exactly else self._own <= there

    def level(self, snapshot: Snapshot) -> list[News]:
        """Go by a snapshot; return what is new in it. What was one change may be two: somebody went, somebody came."""
        there = {number: one for number, one in snapshot.members.items() if one.place.server not in self._sids}
        taken = {one.place for one in self._remotes.values()} - {one.place for one in there.values()}
        new = {one.place for one in there.values()} - {one.place for one in self._remotes.values()}
        news: list[News] = [Went(place) for place in sorted(taken)]
        news += [Came(there[place.number]) for place in sorted(new)]
        self._remotes = there
        self.last = snapshot.last
        return news
