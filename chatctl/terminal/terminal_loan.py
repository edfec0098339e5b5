"""The terminal lent to another program while the conversation goes on: nothing is written, no key is read.

Lives here: who has the terminal, also while we are stopped. Does not live here: which program it is
(external_editor.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prompt_toolkit.application.run_in_terminal import in_terminal

from chatctl.terminal.painter import FrameOutput, Painter
from chatctl.terminal.terminal_modes import TerminalModes

REPORT_SECONDS = 0.2
"""How long giving the terminal to somebody else waits for what it was asked: its answer would stand in their line."""

_POLL_SECONDS = 0.01


class TerminalLoan:
    """Lends the terminal of a painter's application."""

    def __init__(
        self, painter: Painter, output: FrameOutput, modes: TerminalModes, take_keys: Callable[[bytes], object]
    ) -> None:
        """Lend nothing yet. ``take_keys`` gets what was typed when the other program no longer read it."""
        self._painter = painter
        self._output = output
        self._modes = modes
        self._take_keys = take_keys
        self.is_on = False
        """Whether another program has the terminal."""
        self.is_lost = False
        """Whether that program may have left the terminal in any state; to be set inside ``lent``."""

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Lend it inside the block. What is shown meanwhile waits, and is painted afterwards."""
        self._painter.hold()
        await self._answered()
        async with in_terminal():
            self.is_on, self.is_lost = True, False
            self._output.release()
            try:
                with self._modes.lent():
                    yield
                    await _signals_are_handled()
            finally:
                self.is_on = False
                self._painter.go_on(is_lost=self.is_lost)
        if typed := self._modes.typed_before():
            self._take_keys(typed)

    async def stop(self, read_until: Callable[[Callable[[], bool], float], None]) -> None:
        """Stop the whole process group until the shell's ``fg``, as the terminal's driver would.

        As that does, it drops what is typed but not read; in it may be an answer, which the shell would take for keys.

        Args:
            read_until: reads and drops keys; as that of ``KeyInput``.
        """
        read_until(lambda: not self._painter.reports.due, REPORT_SECONDS)
        async with in_terminal():  # without a turn of the loop before it: nothing is drawn, and asked, in between
            self._output.release()
            os.kill(0, signal.SIGTSTP)

    async def _answered(self) -> None:
        """Wait for what the terminal was asked: the other program would take the answer for keys."""
        end = time.monotonic() + REPORT_SECONDS
        while self._painter.reports.due and time.monotonic() < end:
            await asyncio.sleep(_POLL_SECONDS)


async def _signals_are_handled() -> None:
    """Let the loop handle the signals that the program got, and we with it: its end may have been seen before them.

    asyncio takes a signal in two turns: one reads that it came, the next one calls its handler.
    """
    for _ in range(3):
        await asyncio.sleep(0)
