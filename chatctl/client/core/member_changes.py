"""Who comes and goes, out of frames and rosters: each change once.

Presence is state, not log: after a broken connection nothing is replayed, so the changes meanwhile are found by
comparing. Does not live here: connecting and asking (follower.py, presence.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatctl import protocol
from chatctl.client.core.events import Join, Leave, Presence, Rename
from chatctl.protocol import ServerFrame

AWAY = "while we were away"


class MemberChanges:
    """The members of a room, and what has changed about them."""

    def __init__(self) -> None:
        """Start without knowing who is here."""
        self._here: dict[str, None] | None = None
        self._told: int | None = None
        """A count that others of the same turn may still lead to."""
        self._is_asked = False
        """Whether a roster is on its way, as far as we know."""

    @property
    def count(self) -> int:
        """How many members we know of."""
        return len(self._here or ())

    def compare(self, members: Iterable[str]) -> Iterator[Presence]:
        """Yield the changes up to now, when these are the members; none the first time. Exhaust the iterator."""
        here = dict.fromkeys(members)
        self._is_asked = False
        if self._here is None:
            self._here = here
            return
        self._told = None
        yield from self._left([nick for nick in self._here if nick not in here], AWAY)
        yield from self._joined(here)

    def note(self, frame: ServerFrame) -> Iterator[Presence]:
        """Yield what a frame reports, unless a roster has reported it already. Exhaust the iterator."""
        match frame:
            case protocol.Roster(members=rows):
                yield from self.compare(row.nick for row in rows)
            case protocol.Join(nicks=nicks):
                yield from self._joined(nicks)
            case protocol.Leave(nicks=nicks, why=why):
                yield from self._left(nicks, why)
            case protocol.Rename(old=old, new=new) if self._here is not None and old in self._here:
                del self._here[old]
                self._here[new] = None
                yield Rename(old, new)

    def misses(self, frame: ServerFrame) -> bool:
        """Tell whether the roster has to be asked for: a frame that was noted counts others than we do.

        A reader that is slow misses changes. One roster at a time is asked for.

        All frames of one turn have the count at its end. So a join that leaves us with too many, or a leave with too
        few, is judged when something else comes. Call it for every frame, in order.
        """
        if self._here is None or isinstance(frame, protocol.Rename):
            return False
        told, self._told = self._told, None
        match frame:
            case protocol.Join(count=count):
                more_may_come = count < self.count
            case protocol.Leave(count=count):
                more_may_come = count > self.count
            case _:
                return self._asks(told is not None and told != self.count)
        self._told = count if more_may_come else None
        return self._asks(count != self.count and not more_may_come)

    def _asks(self, is_wrong: bool) -> bool:
        asks, self._is_asked = is_wrong and not self._is_asked, self._is_asked or is_wrong
        return asks

    def _joined(self, nicks: Iterable[str]) -> Iterator[Presence]:
        for nick in nicks:
            if self._here is not None and nick not in self._here:
                self._here[nick] = None
                yield Join(nick, len(self._here))

    def _left(self, nicks: Iterable[str], why: str) -> Iterator[Presence]:
        for nick in nicks:
            if self._here is not None and nick in self._here:
                del self._here[nick]
                yield Leave(nick, len(self._here), why)
