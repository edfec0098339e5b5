"""The members of all rooms, by name and by what looks like it.

Lives here: members, and finding those of a name or of one that looks like it, whatever the room and whichever server
they are connected to. Does not live here: one room's members and what is told of them (roster.py), whose a name is
(name_ownership.py), what other servers have (directory/).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from chatctl.core.confusables import LookAlikes, skeletons
from chatctl.directory import Place
from chatctl.protocol import RosterRow

Conn = TypeVar("Conn")


@dataclass(slots=True, eq=False)
class Member(Generic[Conn]):
    """One who is in a room under a name."""

    nick: str
    key: str
    """The folded nickname."""
    token: bytes | None
    """The hash of the token that they brought."""
    since: float
    """Unix seconds, to be shown."""
    spoke: float
    """Seconds of a clock that nobody sets."""
    conn: Conn
    """Its connection; of a member of another server there is none."""
    proved: str | None = None
    """The fingerprint of the key that they proved."""
    room: str = ""
    place: Place | None = None
    """What the directory knows it by; None: it has to be claimed anew."""
    host: str = ""
    """The address that bans count; empty for its server's own machine."""

    def row(self, now: float) -> RosterRow:
        """Return the member as ``who`` shows it; ``now`` is of the clock of ``spoke``."""
        return RosterRow(self.nick, self.since, max(0.0, round(now - self.spoke, 3)), self.proved)


class Members(Generic[Conn]):
    """The members of all rooms. The rosters keep them up to date."""

    def __init__(self) -> None:
        """Start empty."""
        self._members: LookAlikes[Member[Conn]] = LookAlikes()

    def __bool__(self) -> bool:
        return bool(self._members)

    def add(self, member: Member[Conn]) -> None:
        """Add one, under the name that it has now."""
        self._members.add(skeletons(member.nick), member)

    def remove(self, member: Member[Conn]) -> None:
        """Remove one; it still has the name that it was added under."""
        self._members.remove(skeletons(member.nick), member)

    def alike(self, nick: str) -> Iterable[Member[Conn]]:
        """Return all who have this name or one that looks like it."""
        return self._members.of(skeletons(nick))
