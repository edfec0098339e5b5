"""The roster: who is in a room now, under which name, and the changes that are not announced yet.

Presence is state, not log: joins and leaves carry no number and are never replayed. Those of one tick are announced
together, and none is left out: a welcome lists all who are here, also those who are not announced yet. Source:
docs/protocol.md, "Presence".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic

from chatctl.common.names import fold_nick
from chatctl.core.members import Conn, Member, Members
from chatctl.directory import Place
from chatctl.protocol import Frame, Join, Leave, Rename, RosterRow


class Roster(Generic[Conn]):
    """The members of one room by folded nickname; no two share one."""

    def __init__(self, room: str = "", everyone: Members[Conn] | None = None) -> None:
        """Start empty. ``everyone`` has the members of all rooms; by default those of this one alone."""
        self._room = room
        self._everyone = everyone if everyone is not None else Members()
        self._members: dict[str, Member[Conn]] = {}
        self._going: dict[str, Member[Conn]] = {}  # unlisted, and not announced yet
        self.news = News()

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member[Conn]]:
        return iter(self._members.values())

    def find(self, nick: str) -> Member[Conn] | None:
        """Return the member of that name, in any case, or None. Raises NickInvalid."""
        return self._members.get(fold_nick(nick))

    def keyed(self, key: str) -> Member[Conn] | None:
        """Return the member of that folded nickname, or None."""
        return self._members.get(key)

    def holds(self, member: Member[Conn]) -> bool:
        """Return whether a member is listed."""
        return self._members.get(member.key) is member

    def _insert(self, member: Member[Conn]) -> None:
        self._members[member.key] = member
        self._everyone.add(member)

    def _remove(self, member: Member[Conn]) -> None:
        del self._members[member.key]
        self._everyone.remove(member)

    def add(
        self,
        nick: str,
        token: bytes | None,
        conn: Conn,
        now: float,
        proved: str | None = None,
        *,
        since: float | None = None,
        place: Place | None = None,
        host: str = "",
    ) -> Member[Conn]:
        """List a new member and announce it.

        Args:
            nick: valid.
            token: its hash.
            conn: the connection, if it is to this server.
            now: seconds of a clock that nobody sets.
            proved: the fingerprint of its key.
            since: Unix seconds, if ``now`` has others.
            place: of the directory.
            host: the address that bans count.

        Raises:
            NickInvalid: it is not valid.
            ValueError: it is not free.
        """
        key = fold_nick(nick)
        if key in self._members:
            raise ValueError(f"{nick} is listed already")
        member = Member(nick, key, token, now if since is None else since, now, conn, proved, self._room, place, host)
        self._insert(member)
        self._announce_gone(key)
        self.news.joined(nick, key)
        return member

    def unlist(self, member: Member[Conn]) -> None:
        """Free a name at once. Call ``gone`` when all that its member said is committed."""
        self._remove(member)
        self._going[member.key] = member

    def gone(self, member: Member[Conn]) -> None:
        """Announce that an unlisted member left. If somebody took the name since, it was announced then."""
        if self._going.get(member.key) is member:
            self._announce_gone(member.key)

    def _announce_gone(self, key: str) -> None:
        if before := self._going.pop(key, None):
            self.news.left(before.nick, key)

    def rename(self, member: Member[Conn], nick: str) -> None:
        """Rename a member and announce it. Raises NickInvalid; ValueError if the name is not free."""
        key = fold_nick(nick)
        if self._members.get(key, member) is not member:
            raise ValueError(f"{nick} is listed already")
        self._remove(member)
        self._announce_gone(key)
        self.news.renamed(member.nick, nick)
        member.nick, member.key = nick, key
        self._insert(member)

    def rows(self, now: float) -> list[RosterRow]:
        """Return all rows, oldest member first."""
        return [member.row(now) for member in self]

    def nicks(self, limit: int) -> list[str]:
        """Return at most ``limit`` nicknames, oldest member first."""
        return [member.nick for member, _ in zip(self, range(limit), strict=False)]


class News:
    """Changes of a roster that are not announced yet: phases of joins and leaves, and renames between them.

    Who came in meanwhile has seen some of them in the welcome already. So a change is never left out because a later
    one undoes it: whatever somebody knew at any time, all frames together make it what is true now.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._pending: list[_Phase | Rename] = []

    def __bool__(self) -> bool:
        return bool(self._pending)

    def joined(self, nick: str, key: str) -> None:
        """Note a join; ``key`` is the folded nickname."""
        if not self._phase().joined(nick, key):
            self._begin().joined(nick, key)

    def left(self, nick: str, key: str) -> None:
        """Note a leave, as ``joined``."""
        self._phase().left(nick, key)

    def renamed(self, old: str, new: str) -> None:
        """Note a rename."""
        self._pending.append(Rename(old=old, new=new))

    def _phase(self) -> _Phase:
        last = self._pending[-1] if self._pending else None
        return last if isinstance(last, _Phase) else self._begin()

    def _begin(self) -> _Phase:
        self._pending.append(phase := _Phase())
        return phase

    def frames(self, count: int) -> list[Frame]:
        """Return the frames that announce all of it, in order, and start anew. ``count`` members are here now."""
        pending, self._pending = self._pending, []
        frames: list[Frame] = []
        for one in pending:
            frames += one.frames(count) if isinstance(one, _Phase) else [one]
        return frames


class _Phase:
    """Leaves, then joins, then leaves of those who joined, by folded nickname: at most three frames."""

    def __init__(self) -> None:
        self._left: dict[str, str] = {}
        self._joined: dict[str, str] = {}
        self._left_again: dict[str, str] = {}

    def joined(self, nick: str, key: str) -> bool:
        """Note a join. Return False if it has no place here: the name was spelt otherwise before."""
        if self._left_again and key in self._left_again:
            if self._joined[key] != nick:
                return False
            del self._left_again[key]
        self._joined[key] = nick
        return True

    def left(self, nick: str, key: str) -> None:
        """Note a leave."""
        (self._left_again if key in self._joined else self._left)[key] = nick

    def frames(self, count: int) -> list[Frame]:
        """Return what announces it."""
        went, came, went_again = (list(one.values()) for one in (self._left, self._joined, self._left_again))
        frames: list[Frame] = [Leave(nicks=went, count=count)] if went else []
        frames += [Join(nicks=came, count=count)] if came else []
        frames += [Leave(nicks=went_again, count=count)] if went_again else []
        return frames
