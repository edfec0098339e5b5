"""The output path of ``join``: prints lines above the prompt without breaking what is being typed.

prompt-toolkit's own ways to print (``patch_stdout``, ``run_in_terminal``, ``print_formatted_text``) put the terminal
into cooked mode for each print. In cooked mode the terminal's driver handles keys itself: a key that arrives in that
moment is echoed among the messages, and a Backspace is swallowed by the driver and never reaches the line. The more
messages come, the more often that happens.

Here the terminal stays in raw mode. Lines wait for the next frame, at most one in 50 ms. A frame erases the prompt,
writes the waiting lines and draws the prompt again. It is synchronous, so no key is handled in between, and a single
write, so no half of it is visible. tests/system/terminal/test_textbook.py provokes each failure of the usual way, and
shows that ``join`` does not have it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from prompt_toolkit.application import Application
from prompt_toolkit.output.vt100 import Vt100_Output

from chatctl.terminal.prompt_renderer import ERASE_FROM_HERE, PromptRenderer
from chatctl.terminal.reflow import Kind
from chatctl.terminal.resize_watch import ResizeWatch
from chatctl.terminal.width_reports import WidthReports

FRAME_SECONDS = 0.05
"""Least time between two frames. The first line after a pause is shown at once."""

MAX_FRAME_LINES = 500
MAX_FRAME_CHARS = 64 * 1024
"""Writing blocks until the terminal has taken the frame: in a longer one, keys and pings would wait too long."""

FOCUS_ON, FOCUS_OFF = "\x1b[?1004h", "\x1b[?1004l"
"""XTerm Control Sequences, "FocusIn/FocusOut". Terminals that do not know it ignore it; tmux tells if it is told."""

BUSY_LINES = 2_000
"""From so many waiting lines on, the connection is not read until they are painted."""

MAX_WAITING = 10_000
"""Lines that wait at most, if more come all the same; the oldest are dropped, and counted in a line of their own."""

TO_A_USUAL_STATE = "\x1b[?47l\x1b[r\x1b[?1;1000;1002;1003;1006l\x1b>\x1b[m\x1b[9999B\r\n"
"""Ends what a program has left on that was killed: the alternate screen, margins, keypad and mouse modes; and continues
below all that is there. 47 and not 1049, which would also put the cursor among the messages."""


class FrameOutput(Vt100_Output):
    """An output that can collect a whole frame, and that keeps two modes on until the end: bracketed paste and focus.

    ``Renderer.erase`` switches bracketed paste off and ``render`` switches it on again (prompt-toolkit 3.0.53). With a
    frame every 50 ms, a paste would soon arrive while it is off: the terminal then sends it as if it were typed, and
    each of its lines is submitted.

    The terminal tells when its window loses and gets the focus as long as that mode is on, which goes with the other.
    """

    _collecting = False
    _ending = False

    @property
    def responds_to_cpr(self) -> bool:
        """Return False: never request the cursor's position.

        Where a terminal does not answer, prompt-toolkit prints a warning after 2 s. Where it answers late, prints wait.
        """
        return False

    def flush(self) -> None:
        """Write what is buffered, unless a frame is being collected."""
        if not self._collecting:
            super().flush()

    def enable_bracketed_paste(self) -> None:
        """Switch both modes on."""
        super().enable_bracketed_paste()
        self.write_raw(FOCUS_ON)

    def disable_bracketed_paste(self) -> None:
        """Do nothing before ``end``."""
        if self._ending:
            self._modes_off()

    def _modes_off(self) -> None:
        super().disable_bracketed_paste()
        self.write_raw(FOCUS_OFF)

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """Write everything that is printed inside the block at its end, at once."""
        self._collecting = True
        try:
            yield
        finally:
            self._collecting = False
            self.flush()

    def release(self) -> None:
        """Prepare the terminal for another program; the next frame takes it back."""
        self._modes_off()
        self.flush()

    def end(self) -> None:
        """Leave the terminal in the state in which it was found."""
        self._ending = True
        self._collecting = False
        self.disable_bracketed_paste()
        self.reset_attributes()
        self.show_cursor()
        self.flush()


class Painter:
    """Collects lines and paints them above the prompt of an application."""

    def __init__(
        self,
        app: Application[str],
        output: FrameOutput,
        dropped_line: Callable[[int], str],
        kind: Kind = Kind.UNKNOWN,
    ) -> None:
        """Make it inside a running event loop.

        Args:
            app: its prompt is erased and drawn again in each frame; it gets a renderer of ours.
            output: the output of ``app``.
            dropped_line: returns the line that stands for so many that were dropped.
            kind: what the terminal does on a change of width.
        """
        self._app = app
        self._output = output
        self._dropped_line = dropped_line
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._finished = False
        self._held = False
        self._asks: Callable[[], None] | None = None
        self._next_frame: asyncio.Handle | None = None
        self._painted_at = -inf
        self._loop = asyncio.get_running_loop()
        self._watch = ResizeWatch(self._loop, output.get_size, self._paint)
        self._renderer = PromptRenderer(app.renderer.style, output, kind, self._watch)
        app.renderer = self._renderer
        app._on_resize = self._watch.changed  # type: ignore[method-assign]  # noqa: SLF001 — it would paint at once

    def show(self, lines: list[str]) -> None:
        """Paint lines, at once or with the next frame."""
        self._waiting.extend(lines)
        if self._finished:
            self._write(inf, inf)
            self._output.flush()
            return
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self.schedule()

    @property
    def busy(self) -> bool:
        """Whether more lines wait than a terminal that keeps up would leave."""
        return len(self._waiting) >= BUSY_LINES

    def schedule(self) -> None:
        """Paint what waits: at once, or with the next frame; before the prompt is there, call this when it is."""
        if self._next_frame is None and self._waiting:
            wait = self._painted_at + FRAME_SECONDS - self._loop.time()
            paint = self._paint
            self._next_frame = self._loop.call_soon(paint) if wait <= 0 else self._loop.call_later(wait, paint)

    def _paint(self) -> None:
        self._next_frame = None
        if self._held or not self._app.is_running or not self._watch.may_paint():
            return  # ``go_on``, ``schedule``, the end of a change of width, or ``finish`` writes what waits
        with self._output.one_write():
            self._renderer.erase()
            self._write(MAX_FRAME_LINES, MAX_FRAME_CHARS)
            # If a redraw is due, what was drawn is out of date: a key that was just typed would vanish for a moment.
            is_due = self._app._invalidated  # noqa: SLF001 — it has no other form
            if is_due or not self._renderer.redraw():
                # Private, but the one way to draw synchronously: ``invalidate`` would draw in a later turn of the loop,
                # and until then there would be no prompt. tests/terminal/test_painter.py checks that it is still there.
                self._app._redraw()  # noqa: SLF001
        self._painted_at = self._loop.time()
        self.schedule()

    def _write(self, lines: float, chars: float) -> None:
        """Write waiting lines, at most ``lines`` and about ``chars`` characters of them."""
        if self._dropped:
            self._output.write_raw(self._dropped_line(self._dropped) + "\r\n")
            self._dropped = 0
        while self._waiting and lines > 0 and chars > 0:
            line = self._waiting.popleft()
            self._output.write_raw(line + "\r\n")  # in raw mode LF alone does not return to the first column
            lines, chars = lines - 1, chars - len(line)

    def send(self, sequence: str) -> None:
        """Send a sequence that does not move the cursor: a bell, a notification."""
        self._output.write_raw(sequence)
        self._output.flush()

    def clear(self) -> None:
        """Empty the screen; the prompt moves to the top."""
        with self._output.one_write():
            self._renderer.clear()
            self._app._redraw()  # noqa: SLF001 — as in ``_paint``

    def disown(self) -> None:
        """Take note that another program has had the terminal. A signal's handler may call it.

        The next drawing begins where the cursor is then: what stands above is not ours to erase. The modes that we set
        may be gone: the drawing sets them again.
        """
        self._renderer.is_disowned = True

    def take_back(self) -> None:
        """Draw the prompt after ``disown``, unless a frame has done so since."""
        if self._renderer.is_disowned:
            with self._output.one_write():
                self._app._redraw()  # noqa: SLF001 — as in ``_paint``

    def hold(self) -> None:
        """Print no line from now on, and ask the terminal for nothing: another program is to have it."""
        self._held = True
        self._asks, self._watch.ask_place = self._watch.ask_place, None

    def go_on(self, *, is_lost: bool) -> None:
        """Write again; the caller draws the prompt. ``is_lost``: nobody knows in which state the terminal is."""
        self._held = False
        self._watch.ask_place = self._asks
        self._output.write_raw(TO_A_USUAL_STATE if is_lost else "\r" + ERASE_FROM_HERE)
        self.reports.forget()
        self.schedule()

    @property
    def reports(self) -> WidthReports:
        """What the terminal has been asked for, and has reported."""
        return self._watch.reports

    def finish(self) -> None:
        """Write all that still waits, once the prompt is gone, and release the terminal; what comes later, at once."""
        self._finished = True
        self._watch.stop()
        self._write(inf, inf)
        self._output.end()
