"""The renderer of the prompt, for terminals that wrap lines anew when their width changes.

prompt-toolkit goes up as many rows as it drew. Where the terminal has since broken a row in two (tmux, kitty and VTE
do; xterm does not), that is too few, and parts of the old prompt would stay among the messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout import Layout
from prompt_toolkit.renderer import Renderer
from prompt_toolkit.utils import get_cwidth

_VARIABLES = ("TMUX", "VTE_VERSION", "KITTY_WINDOW_ID", "WEZTERM_PANE", "ALACRITTY_WINDOW_ID", "KONSOLE_VERSION")
_PROGRAMS = ("tmux", "iTerm.app", "WezTerm", "ghostty", "vscode", "Apple_Terminal")
_TERMS = ("tmux", "xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm")


def reflows(environ: Mapping[str, str]) -> bool:
    """Tell whether this terminal is known to wrap lines anew. Taken for one by mistake, lines would be erased."""
    known = any(name in environ for name in _VARIABLES) or environ.get("TERM_PROGRAM") in _PROGRAMS
    return known or environ.get("TERM", "").startswith(_TERMS)


class ReflowRenderer(Renderer):
    """Knows where the cursor is after the terminal has wrapped the prompt's rows anew."""

    follows = False
    """Whether the terminal is one that does."""

    def render(self, app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        """Draw. After a change of width, what was drawn before is erased first."""
        if self._last_size is not None and self._last_size != self.output.get_size():
            self.erase()
        super().render(app, layout, is_done)

    def erase(self, leave_alternate_screen: bool = True) -> None:
        """Erase what was drawn."""
        columns, drawn, before = self.output.get_size().columns, self._last_screen, self._last_size
        if self.follows and drawn is not None and before is not None and columns < before.columns:
            widths = [_width(drawn.data_buffer[row]) for row in range(self._cursor_pos.y)]
            self._cursor_pos = Point(self._cursor_pos.x, rows_now(widths, self._cursor_pos.x, columns))
        super().erase(leave_alternate_screen)


def rows_now(widths: list[int], column: int, columns: int) -> int:
    """Give how many rows above the cursor there are, once rows of these widths are wrapped anew."""
    return sum(max(1, -(-width // columns)) for width in widths) + column // columns


def _width(row: Mapping[int, Any]) -> int:
    """Give how many columns of a row were written: blanks at its end were not."""
    last = max((at for at, cell in row.items() if cell.char != " "), default=-1)
    return last + max(1, get_cwidth(row[last].char)) if last >= 0 else 0
