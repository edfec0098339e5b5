"""The output path of ``join``: lines above the prompt, in frames, without ever touching the terminal's mode.

prompt-toolkit's own way to print (patch_stdout, run_in_terminal) puts the terminal into cooked mode for every print; a
key that arrives in that window is echoed into the chat, and a Backspace is swallowed. Here a frame erases the prompt,
writes all waiting lines and draws the prompt again: one synchronous write, raw mode throughout. Source: docs/join.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from prompt_toolkit.application import Application
from prompt_toolkit.output.vt100 import Vt100_Output

FRAME_SECONDS = 0.05
"""At most 20 frames a second; the first line after a pause is shown at once."""

MAX_LINES_A_FRAME = 500
MAX_CHARS_A_FRAME = 64 * 1024
"""A frame that is longer would keep keys waiting: the terminal must take it all before we go on."""

BUSY_LINES = 2_000
"""So many lines wait: nothing more is read from the connection until they are painted."""

MAX_WAITING = 10_000
"""The most lines that wait, should they come in spite of that; the oldest beyond it are counted, not shown."""


class FrameOutput(Vt100_Output):
    """An output that can hold its writes back, and leaves bracketed paste on until the end.

    ``renderer.erase`` switches bracketed paste off for a moment: a paste that meets it would submit its lines one by
    one (prompt-toolkit 3.0.53).
    """

    _held = False
    _ending = False

    @property
    def responds_to_cpr(self) -> bool:
        """Never ask where the cursor is: without an answer a warning appears, and prints stall."""
        return False

    def flush(self) -> None:
        """Write what is buffered, unless a frame is being made."""
        if not self._held:
            super().flush()

    def disable_bracketed_paste(self) -> None:
        """Only at the end."""
        if self._ending:
            super().disable_bracketed_paste()

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """Let everything that is written inside leave as one write."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self.flush()

    def let_go(self) -> None:
        """Hand the terminal to somebody else for a while; the next frame takes it back."""
        super().disable_bracketed_paste()
        self.flush()

    def end(self) -> None:
        """Leave the terminal as it was found."""
        self._ending = True
        self._held = False
        self.disable_bracketed_paste()
        self.reset_attributes()
        self.show_cursor()
        self.flush()


class Painter:
    """Collects lines and paints them above the prompt of ``app``."""

    def __init__(self, app: Application[str], output: FrameOutput, skipped: Callable[[int], str]) -> None:
        """Paint on ``output``; ``skipped`` gives the line that stands for so many lines that were left out."""
        self._app = app
        self._output = output
        self._skipped_line = skipped
        self._waiting: deque[str] = deque()
        self._skipped = 0
        self._timer: asyncio.Handle | None = None
        self._painted_at = float("-inf")
        self._loop = asyncio.get_running_loop()

    def show(self, lines: list[str]) -> None:
        """Have lines painted: at once, or with the next frame."""
        self._waiting.extend(lines)
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._skipped += 1
        self._plan()

    @property
    def busy(self) -> bool:
        """Whether more lines wait than a terminal that keeps up would leave."""
        return len(self._waiting) >= BUSY_LINES

    def _plan(self) -> None:
        if self._timer is None and self._waiting:
            wait = self._painted_at + FRAME_SECONDS - self._loop.time()
            self._timer = self._loop.call_soon(self._paint) if wait <= 0 else self._loop.call_later(wait, self._paint)

    def _paint(self) -> None:
        self._timer = None
        if not self._app.is_running:
            return  # the prompt is not there yet, or not any more: ``finish`` writes what waits
        with self._output.one_write():
            self._app.renderer.erase()
            self._write(MAX_LINES_A_FRAME, MAX_CHARS_A_FRAME)
            self._app._redraw()  # noqa: SLF001 — the one private method; tests/terminal holds its contract
        self._painted_at = self._loop.time()
        self._plan()

    def _write(self, lines: float, chars: float) -> None:
        if self._skipped:
            self._output.write_raw(self._skipped_line(self._skipped) + "\r\n")
            self._skipped = 0
        while self._waiting and lines > 0 and chars > 0:
            line = self._waiting.popleft()
            self._output.write_raw(line + "\r\n")
            lines, chars = lines - 1, chars - len(line)

    def started(self) -> None:
        """The prompt stands: paint what came before it."""
        self._plan()

    def ring(self, sequence: str) -> None:
        """Send a sequence that moves nothing (a bell, a notification)."""
        self._output.write_raw(sequence)
        self._output.flush()

    def clear(self) -> None:
        """Empty the screen; the prompt goes to its top."""
        with self._output.one_write():
            self._app.renderer.clear()
            self._app._redraw()  # noqa: SLF001 — as above

    def finish(self) -> None:
        """Write what still waits, once the prompt is gone."""
        self._write(inf, inf)
        self._output.end()
