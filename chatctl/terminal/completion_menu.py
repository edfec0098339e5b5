"""The menu of completions: as high as its rows need and the window allows, and Escape closes it at once.

prompt-toolkit reserves a fixed number of rows for it and shows at most 16. Lives here: its size, and how long Escape
waits for a second key. Does not live here: what is completed (completer.py).
"""

from __future__ import annotations

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.layout import Dimension, Window
from prompt_toolkit.layout.menus import CompletionsMenu

ESCAPE_SECONDS = 0.1
"""How long bytes may be on their way behind an ESC that begins a sequence, where ESC alone is a key."""


class CompletionMenu:
    """Fits the menu of a session to its window."""

    def __init__(self, session: PromptSession[str]) -> None:
        """Do so from now on."""
        self._buffer = session.default_buffer
        self._waits = session.app.ttimeoutlen, session.app.timeoutlen
        self._line = session.layout.current_window
        self._line.height = self._height  # instead of ``reserve_space_for_menu``, which no window may be lower than
        for part in session.layout.walk():
            if isinstance(part, CompletionsMenu) and isinstance(part.content, Window):
                part.content.height = Dimension(min=1)
        session.app.before_render += self._set_waits

    @property
    def _rows(self) -> int:
        state = self._buffer.complete_state
        return len(state.completions) if state is not None else 0

    def _height(self) -> Dimension:
        """Return how high the line is to be: the menu stands below its cursor."""
        if not self._rows:
            return Dimension()
        info = self._line.render_info
        above = info.cursor_position.y + 1 if info is not None else 1
        return Dimension(preferred=above + self._rows)

    def _set_waits(self, app: Application[str]) -> None:
        sequence, keys = self._waits
        app.ttimeoutlen = ESCAPE_SECONDS if self._rows or app.editing_mode is EditingMode.VI else sequence
        app.timeoutlen = 0.0 if self._rows else keys
