"""When the size of the terminal is quiet: nothing may be painted before that.

While a window is dragged, each step wraps the rows anew, and a terminal may be some steps ahead of what it tells: tmux
tells its width at most four times a second. What is painted for one width and arrives at another tears rows apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from prompt_toolkit.data_structures import Size

from chatctl.terminal.reflow import Resize
from chatctl.terminal.width_reports import WidthReports

QUIET_SECONDS = 0.3
"""The size is quiet when it has not changed for so long."""

ANSWER_SECONDS = 1.0
"""So long it is waited for the terminal to tell where the cursor is."""


class ResizeWatch:
    """Follows the size of the terminal."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, size: Callable[[], Size], when_quiet: Callable[[], None]
    ) -> None:
        """Begin with the present size.

        Args:
            loop: tells the time and runs the timer.
            size: returns the size of the terminal now.
            when_quiet: is called when the size is quiet after a change.
        """
        self._loop = loop
        self._get_size = size
        self._when_quiet = when_quiet
        self._seen = size()
        self._timer: asyncio.TimerHandle | None = None
        self._painted_columns = 0
        self.reports = WidthReports()
        self.reports.on_place = self._answered
        self.ask_place: Callable[[], None] | None = None
        """Asks the terminal where the cursor is; set where that has to be known after a change of size."""
        self._place_is_due = False
        self._resize: Resize | None = None

    def changed(self) -> None:
        """Take note that the size of the terminal may have changed."""
        before, self._seen = self._seen, self._get_size()
        if self._seen != before:
            self._wait()

    def _wait(self) -> None:
        before, columns = self._resize, self._seen.columns
        self._resize = Resize(min(before.least if before else columns, columns), columns, certain=False)
        self._place_is_due = self.ask_place is not None
        self._call_later(QUIET_SECONDS)

    def _call_later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._is_quiet)

    def _is_quiet(self) -> None:
        self._timer = None
        if not self.may_paint():
            return
        if self._place_is_due and self.ask_place is not None:
            self._place_is_due = False
            self._call_later(ANSWER_SECONDS)
            self.reports.ask_place()
            self.ask_place()
        else:
            self._when_quiet()

    def _answered(self) -> None:
        if self._timer is not None and not self._place_is_due:
            self._timer.cancel()
            self._is_quiet()

    def may_paint(self) -> bool:
        """Return whether the size is quiet. It is looked at, too: the signal may still be on its way."""
        if self._get_size() != self._seen:
            self.changed()
        return self._timer is None

    def painted(self) -> None:
        """Take note that the prompt was painted, at the present width."""
        self._resize = None
        self._painted_columns = self._seen.columns

    @property
    def resize(self) -> Resize | None:
        """What has happened to the width since the last paint; nothing is certain as long as it is not quiet."""
        if self._resize is None or self._timer is not None:
            return self._resize
        return replace(self._resize, certain=self.reports.columns == self._painted_columns)

    def stop(self) -> None:
        """Call nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
