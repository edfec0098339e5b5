"""Who is here, and the lines about those who come and go.

Lives here: the members by name, and folding: the first to come or go is shown at once, those that follow within a
second share a line. Does not live here: how such a line looks (lines.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from chatctl.common.names import fold_any
from chatctl.terminal.render import Lines

FOLD_SECONDS = 1.0
"""At most one line about comings and goings in so many seconds."""


class Presence:
    """The members that we know of: the server names at most 200 of them to somebody who comes."""

    def __init__(self, lines: Lines, show: Callable[[list[str]], None]) -> None:
        """Make it inside a running event loop."""
        self._lines = lines
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._names: dict[str, str] = {}
        self._news: dict[str, bool] = {}
        self._window: asyncio.TimerHandle | None = None
        self.count = 0

    def nicks(self) -> Iterable[str]:
        """Give who is here."""
        return self._names.values()

    def set(self, nicks: Iterable[str], count: int) -> None:
        """Begin with these."""
        self._names = {fold_any(nick): nick for nick in nicks}
        self.count = count

    def came(self, nicks: list[str], count: int) -> None:
        """Take those who joined."""
        self.count = count
        new = [nick for nick in nicks if fold_any(nick) not in self._names]
        self._names |= {fold_any(nick): nick for nick in nicks}
        self._note(new, came=True)

    def went(self, nicks: list[str], count: int) -> None:
        """Take those who left."""
        self.count = count
        for nick in nicks:
            self._names.pop(fold_any(nick), None)
        self._note(nicks, came=False)

    def renamed(self, old: str, new: str) -> None:
        """Take a new name."""
        self._names.pop(fold_any(old), None)
        self._names[fold_any(new)] = new

    def speaks(self, nick: str) -> None:
        """Show that somebody came before what they say is shown."""
        if nick in self._news:
            self.flush()

    def _note(self, nicks: Iterable[str], *, came: bool) -> None:
        for nick in nicks:
            if self._news.get(nick) is not (not came):
                self._news[nick] = came
            else:
                del self._news[nick]  # gone and back again, or the other way round: no news
        if self._window is None:
            self.flush()
            self._window = self._loop.call_later(FOLD_SECONDS, self._over)

    def _over(self) -> None:
        self._window = self._loop.call_later(FOLD_SECONDS, self._over) if self._news else None
        self.flush()

    def flush(self) -> None:
        """Show what is held back."""
        news, self._news = self._news, {}
        if news:
            came = [nick for nick, did in news.items() if did]
            went = [nick for nick, did in news.items() if not did]
            self._show([self._lines.presence(came, went, self.count)])
