"""The members of the room, and the lines about those who join and leave.

Joins and leaves are coalesced: the first one is shown at once, those of the next second share a line. How such a line
looks is render.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from chatctl.common.names import fold_any
from chatctl.terminal.render import FrameRenderer

COALESCE_SECONDS = 1.0
"""At most one line about joins and leaves in so many seconds."""

RETURN_SECONDS = 15.0
"""How long after our own return the others' is no news: a server's end sent everybody away, and nobody left."""


class MemberList:
    """The members that we know by name; the server names at most 200 of them to a client that joins."""

    def __init__(self, render: FrameRenderer, show: Callable[[list[str]], None]) -> None:
        """Make it inside a running event loop."""
        self._render = render
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._names: dict[str, str] = {}
        self._unannounced: dict[str, bool] = {}
        """By nickname: True for one who joined, False for one who left."""
        self._timer: asyncio.TimerHandle | None = None
        self._expected: set[str] = set()
        self._expected_until = 0.0
        self.count = 0
        """All members, also those that we cannot name."""

    def nicks(self) -> Iterable[str]:
        """Return the nicknames that are known."""
        return self._names.values()

    def reset(self, nicks: Iterable[str], count: int) -> None:
        """Replace the list, without announcing anything."""
        self._names = {fold_any(nick): nick for nick in nicks}
        self.count = count

    def came_back(self, nicks: Iterable[str], count: int) -> None:
        """Replace the list after a lost connection. Those who were here may come back unannounced for a while."""
        before = set(self._names) | (self._expected if self._loop.time() < self._expected_until else set())
        self.reset(nicks, count)
        self._expected = before - set(self._names)
        self._expected_until = self._loop.time() + RETURN_SECONDS

    def _is_expected(self, nick: str) -> bool:
        """Return whether somebody comes back, once."""
        folded = fold_any(nick)
        found = folded in self._expected and self._loop.time() < self._expected_until
        self._expected.discard(folded)
        return found

    def joined(self, nicks: list[str], count: int) -> None:
        """Add members, and announce those that were not known."""
        self.count = count
        new = [nick for nick in nicks if fold_any(nick) not in self._names]
        self._names |= {fold_any(nick): nick for nick in nicks}
        self._announce([nick for nick in new if not self._is_expected(nick)], joined=True)

    def left(self, nicks: list[str], count: int) -> None:
        """Remove members, and announce it."""
        self.count = count
        for nick in nicks:
            self._names.pop(fold_any(nick), None)
        self._announce(nicks, joined=False)

    def renamed(self, old: str, new: str) -> None:
        """Replace a nickname."""
        self._names.pop(fold_any(old), None)
        self._names[fold_any(new)] = new

    def before_message(self, nick: str) -> None:
        """Announce the sender of a message before the message is shown, if that has not been done."""
        if nick in self._unannounced:
            self.flush()

    def _announce(self, nicks: list[str], *, joined: bool) -> None:
        for nick in nicks:
            if self._unannounced.get(nick) is not (not joined):
                self._unannounced[nick] = joined
            else:
                del self._unannounced[nick]  # joined and left again, or left and came back: nothing to announce
        if nicks and self._timer is None:
            self.flush()
            self._timer = self._loop.call_later(COALESCE_SECONDS, self._timer_over)

    def _timer_over(self) -> None:
        self._timer = self._loop.call_later(COALESCE_SECONDS, self._timer_over) if self._unannounced else None
        self.flush()

    def flush(self) -> None:
        """Show what waits to be announced."""
        news, self._unannounced = self._unannounced, {}
        if news:
            joined = [nick for nick, did_join in news.items() if did_join]
            left = [nick for nick, did_join in news.items() if not did_join]
            self._show([self._render.presence(joined, left, self.count)])
