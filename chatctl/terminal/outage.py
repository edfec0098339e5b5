"""What a person is told of a connection that is lost: nothing, if it is back within two seconds.

Lives here: holding those lines back. Does not live here: reconnecting (client/membership.py), the status in the prompt
(status.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chatctl.client.core.retry import QUIET_SECONDS


class Outage:
    """The time without a connection. Make it inside a running event loop."""

    def __init__(self, show: Callable[[list[str]], None], refresh: Callable[[], None]) -> None:
        """Show lines with ``show``; ``refresh`` draws the prompt anew."""
        self._show = show
        self._refresh = refresh
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._is_told = False
        self.is_on = False
        """Whether there is no connection."""

    def announce(self, lines: list[str]) -> None:
        """Keep what the server says at its end, until the connection is lost."""
        self._waiting += lines

    def tell(self, lines: list[str]) -> None:
        """Show why the connection is lost, or can't be made again: at once, or after the first QUIET_SECONDS."""
        self.is_on = True
        self._waiting += lines
        if self._is_told:
            self._show_waiting()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._show_waiting)

    def tell_now(self) -> None:
        """Show it without the rest of the wait: the person notices, as something that they asked for is refused."""
        if self._timer is not None and not self._is_told:
            self._timer.cancel()
            self._show_waiting()

    def _show_waiting(self) -> None:
        self._is_told = True
        lines, self._waiting = self._waiting, []
        if lines:
            self._show(lines)
        self._refresh()

    def end(self) -> bool:
        """Note that the connection is back; return whether the person knows that it was lost."""
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        told, self._timer, self._is_told, self.is_on = self._is_told, None, False, False
        return told
