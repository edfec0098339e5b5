"""The renderer of the prompt, correct also where the terminal rewraps lines when it becomes narrower.

To erase the prompt, prompt-toolkit moves the cursor up as many rows as it drew. Where the terminal has since broken one
of these rows in two (tmux, kitty and VTE do, xterm does not), that is too few, and pieces of the old prompt would stay
among the messages for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout import Layout
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import Renderer
from prompt_toolkit.styles import BaseStyle
from prompt_toolkit.utils import get_cwidth

_VARIABLES = ("TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE", "ALACRITTY_WINDOW_ID", "KONSOLE_VERSION")
_PROGRAMS = ("tmux", "iTerm.app", "WezTerm", "ghostty", "vscode", "Apple_Terminal")
_TERMS = ("tmux", "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm")


def reflows(environ: Mapping[str, str]) -> bool:
    """Return whether this terminal is known to rewrap lines.

    It has to be known: in a terminal that does not, moving up too far would erase messages.
    """
    known = any(name in environ for name in _VARIABLES) or environ.get("TERM_PROGRAM") in _PROGRAMS
    return known or environ.get("TERM", "").startswith(_TERMS)


class ReflowRenderer(Renderer):
    """A renderer that knows in which row the cursor is after the terminal has rewrapped the prompt."""

    def __init__(self, style: BaseStyle, output: Output, *, reflows: bool) -> None:
        """``reflows``: whether the terminal rewraps lines when its width changes."""
        super().__init__(style, output)
        self._reflows = reflows

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw the prompt, after erasing it if the size of the terminal has changed."""
        if self._last_size is not None and self._last_size != self.output.get_size():
            self.erase()
        super().render(app, layout, is_done)

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase the prompt."""
        columns, drawn, before = self.output.get_size().columns, self._last_screen, self._last_size
        if self._reflows and drawn is not None and before is not None and columns < before.columns:
            widths = [_width(drawn.data_buffer[row]) for row in range(self._cursor_pos.y)]
            self._cursor_pos = Point(self._cursor_pos.x, rows_above(widths, self._cursor_pos.x, columns))
        super().erase(leave_alternate_screen)


def rows_above(widths: list[int], column: int, columns: int) -> int:
    """Return the number of rows above the cursor after rewrapping.

    Args:
        widths: columns that are in use, for each row that was drawn above the cursor's.
        column: the cursor's column in its own row, before.
        columns: the width of the terminal now.
    """
    return sum(max(1, -(-width // columns)) for width in widths) + column // columns


def _width(row: Mapping[int, Any]) -> int:
    """Return the columns in use: blanks at the end of a row were never written."""
    last = max((at for at, cell in row.items() if cell.char != " "), default=-1)
    return last + max(1, get_cwidth(row[last].char)) if last >= 0 else 0
