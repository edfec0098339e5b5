"""Draws the prompt row by row, so that it is right whatever width the terminal gives to a character.

prompt-toolkit's renderer writes single cells and moves to them by columns; where the terminal gives a character another
width than the program, each move is off, and so is the erase before the next message: pieces of the prompt stay among
the messages. Here a row that changed is written whole from column one, and the cursor is placed by writing what stands
before it. Rows are written with autowrap off, so that a row is one row of the terminal, however wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Size
from prompt_toolkit.layout import Layout
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Screen, WritePosition
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.renderer import Renderer, _StyleStringHasStyleCache, _StyleStringToAttrsCache
from prompt_toolkit.styles import BaseStyle

from chatctl.terminal.combining_marks import give_marks_a_column, join_marks
from chatctl.terminal.reflow import WRAPS_ANEW, Kind, Painted, Resize, may_be_low, rows_up
from chatctl.terminal.resize_watch import ResizeWatch

ERASE_FROM_HERE = "\x1b7\x1b[K\x1b[B\x1b[J\x1b8"
"""Clears this row and those below, from column one. Not ``ESC[J`` alone: in row one tmux takes the screen into its
history for that."""

FORGET_WRAPPING = "\x1b[999L"
"""GNU screen keeps with each row whether it goes on in the next one; of those who clear, only this makes it forget. It
would join what is written there, and the prompt would begin a row lower than was drawn."""

MAY_BE_SCREEN = (Kind.SCREEN, Kind.TMUX, Kind.UNKNOWN)
"""By its variables it can't be told apart everywhere: behind SSH, or with another TERM than its own."""

TO_THE_BOTTOM = "\x1b[9999B\r"

ASK = "\x1b[6n"
TO_THE_EDGE = "\x1b[9999C"
"""With ``ASK`` behind it, the terminal reports its last column. What the system knows may be another size by then."""

Row = tuple[tuple[str, str], ...]
"""Runs of (style, text)."""


class Drawing(NamedTuple):
    """A prompt, ready to be drawn."""

    rows: tuple[Row, ...]
    y: int
    """The cursor's row."""
    before: Row
    """What stands before the cursor in its row, without the blanks at the end."""
    gap: int
    """Blanks between that and the cursor. Blanks at the end of a row are not written."""
    size: Size
    """The terminal's."""
    depth: ColorDepth

    def as_painted(self) -> Painted:
        """Return what has to be known to erase it."""
        own, before = _text(self.rows[self.y]), _text(self.before) + " " * self.gap
        return Painted(self.size.columns, tuple(map(_text, self.rows[: self.y])), before, own[len(before) :])


def _text(row: Row) -> str:
    return "".join(text for _, text in row)


class PromptRenderer(Renderer):
    """prompt-toolkit's renderer, with rows instead of cells, and an erase that never reaches above the prompt."""

    def __init__(self, style: BaseStyle, output: Output, kind: Kind, watch: ResizeWatch) -> None:
        """Make it for an output.

        Args:
            style: the application's.
            output: where to draw.
            kind: what the terminal does on a change of width.
            watch: says when nothing may be drawn.
        """
        self._drawing: Drawing | None = None
        self._shown: Drawing | None = None
        self._clear = False
        self._begun = False
        self.is_disowned = False
        """Whether another program has had the terminal since the prompt was drawn: it has to be drawn where the cursor
        is now, and nothing above is ours to erase. A signal's handler may set it."""
        self._kind = kind
        self._watch = watch
        if kind is Kind.SCREEN:
            watch.ask_place = self._ask_place
        super().__init__(style, output)

    @property
    def height_is_known(self) -> bool:
        """Return True: prompt-toolkit would show no toolbar before the terminal has told where the cursor is."""
        return True

    def reset(self, _scroll: bool = False, leave_alternate_screen: bool = True) -> None:
        """Forget what was drawn."""
        super().reset(_scroll, leave_alternate_screen)
        self._shown = None

    # --- erasing

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase the prompt, and go to the column and row where it began."""
        if self.is_disowned:
            self._take_back()
        elif self._shown is not None:
            self._erase(self._shown.as_painted())
        self._begin()
        self.output.reset_attributes()
        self.output.enable_autowrap()
        self.reset(leave_alternate_screen=leave_alternate_screen)

    def _take_back(self) -> None:
        self.is_disowned = False
        self._watch.reports.forget()
        self.output.write_raw("\r" + ERASE_FROM_HERE)

    def _begin(self) -> None:
        """Go to the last row at first: some terminals, as they split a row, push the first one off the screen.

        There the prompt would come to the first row, and then its own first row would go where nobody can erase it.
        """
        if self._kind in WRAPS_ANEW and not self._begun:
            self.output.write_raw(TO_THE_BOTTOM)
        self._begun = True

    def _erase(self, painted: Painted) -> None:
        resize = self._watch.resize
        if self._is_lost(painted, resize):
            self.output.write_raw("\x1b[999B\r\n")  # the cursor may be anywhere: go on below everything
            return
        self.output.write_raw("\r")
        width = self._watch.reports.width
        self.output.cursor_up(rows_up(painted, resize, self._kind, width))
        if resize is not None and self._kind in MAY_BE_SCREEN:
            self.output.write_raw(FORGET_WRAPPING)
        self.output.write_raw(ERASE_FROM_HERE)
        if may_be_low(painted, resize, self._kind, width):
            self.output.write_raw("\r\n")

    def _is_lost(self, painted: Painted, resize: Resize | None) -> bool:
        """Return whether it is not known in which row the cursor is, or what else stands in that row.

        In a window wider than any before it, GNU screen reads one byte too many of a blank row (``CheckMaxSize`` in its
        resize.c), and may take each row that it scrolls in for one that goes on in the next. As it wraps them anew, the
        prompt comes to stand behind the end of the message above it. Then the cursor is in another column.
        """
        if resize is None or self._shown is None:
            return False
        if self._kind is Kind.TERMINOLOGY:
            return resize.least != painted.columns
        before = self._watch.reports.width(_text(self._shown.before))
        expected = None if before is None else (before + self._shown.gap) % resize.now + 1
        return self._kind is Kind.SCREEN and self._watch.reports.place != expected

    def _ask_place(self) -> None:
        self.output.write_raw(ASK)
        self.output.flush()

    def clear(self) -> None:
        """Scroll everything off the screen, into the scrollback, and go to where the prompt begins."""
        if not self._watch.may_paint():
            self._clear = True  # done with the next drawing
            return
        self._clear = False
        self.erase()
        self.output.write_raw("\r\n" * self.output.get_size().rows)
        if self._kind not in WRAPS_ANEW:
            self.output.cursor_goto(0, 0)
        self.output.flush()

    # --- drawing

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw what has changed; nothing while the width is not quiet."""
        if not self._watch.may_paint():
            self._drawing = None  # it is out of date
            return
        if self._clear:
            self.clear()
        size = self.output.get_size()
        if self._shown is not None and self._shown.size != size:
            self.erase()
        self._drawing = self._lay_out(app, layout)
        self._draw(self._drawing)

    def redraw(self) -> bool:
        """Draw again what was drawn before, without asking for it: it costs the same however long the draft is.

        Returns:
            Whether that is possible: not before the first ``render``, nor after a change of size.
        """
        if self._drawing is None or self._clear or self._drawing.size != self.output.get_size():
            return False
        self._draw(self._drawing)
        return True

    def _lay_out(self, app: Application[Any], layout: Layout) -> Drawing:
        give_marks_a_column(app.current_buffer.text)
        size = self.output.get_size()
        # One column is left free: a window that becomes narrower column by column then splits no row.
        width = max(1, size.columns - 1)
        height = min(size.rows, layout.container.preferred_height(width, size.rows).preferred)
        screen = Screen()
        screen.show_cursor = False
        where = WritePosition(xpos=0, ypos=0, width=width, height=height)
        layout.container.write_to_screen(screen, MouseHandlers(), where, parent_style="", erase_bg=False, z_index=None)
        screen.draw_all_floats()
        app.layout.visible_windows = screen.visible_windows
        self._attrs_for_style = _StyleStringToAttrsCache(self.style.get_attrs_for_style_str, app.style_transformation)
        shows = _StyleStringHasStyleCache(self._attrs_for_style)
        x, y = screen.get_cursor_position(app.layout.current_window)
        drawn = max(1, min(height, screen.height), y + 1)
        join_marks(screen, drawn)
        rows = [_cut(screen, at, width, shows)[0] for at in range(drawn)]
        before, end = _cut(screen, y, x, shows)
        return Drawing(tuple(rows), y, before, x - end, size, app.color_depth)

    def _draw(self, new: Drawing) -> None:
        """Write the rows that differ from those on the screen, and place the cursor."""
        if self.is_disowned:
            self.erase()
        if new == self._shown:
            return
        self._begin()
        old = self._shown.rows if self._shown is not None else ()
        y = self._shown.y if self._shown is not None else 0
        if not self._bracketed_paste_enabled:
            self.output.enable_bracketed_paste()
            self.output.reset_cursor_key_mode()
            self._bracketed_paste_enabled = True
        self.output.hide_cursor()
        self.output.disable_autowrap()
        for at in range(max(len(old), len(new.rows))):
            row = new.rows[at] if at < len(new.rows) else ()
            if at >= len(old) or row != old[at]:
                y = self._go(y, at)
                self.output.write_raw("\x1b[K")  # first: on a full row, the cursor would stand on its last character
                self._write(row, new.depth)
        if self._kind in WRAPS_ANEW:
            self.output.write_raw(TO_THE_EDGE + ASK)
            self._watch.reports.ask_columns()
        self._go(y, new.y)
        self._write(new.before, new.depth)
        self.output.cursor_forward(new.gap)
        self.output.enable_autowrap()
        self.output.show_cursor()
        self.output.flush()
        self._shown = new
        self._watch.painted()

    def _go(self, y: int, to: int) -> int:
        """Go to column one of another row of the prompt; below its last one, a new row begins."""
        self.output.cursor_up(y - to) if to < y else self.output.write_raw("\n" * (to - y))
        self.output.write_raw("\r")
        return to

    def _write(self, row: Row, depth: ColorDepth) -> None:
        for style, text in row:
            assert self._attrs_for_style is not None, "there is a drawing"
            self.output.set_attributes(self._attrs_for_style[style], depth)
            self.output.write(text)
        self.output.reset_attributes()
        if self._kind in WRAPS_ANEW and self._watch.reports.ask_width(_text(row)):
            self.output.write_raw(ASK)


def _cut(screen: Screen, y: int, until: int, shows: Mapping[str, bool]) -> tuple[Row, int]:
    """Return a row up to a column, without the blanks at its end, and the column where it ends then."""
    cells, end, kept, x = screen.data_buffer[y], 0, 0, 0
    found: list[tuple[str, str]] = []
    while x < until:
        cell = cells[x]
        x += max(1, cell.width)
        found.append((cell.style, cell.char))
        if cell.char != " " or shows[cell.style]:
            end, kept = x, len(found)
    runs = groupby(found[:kept], key=itemgetter(0))
    return tuple((style, "".join(text for _, text in run)) for style, run in runs), end
