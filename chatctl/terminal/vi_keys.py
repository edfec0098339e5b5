"""Keys of the vi mode that prompt-toolkit has none for: a line that is selected as a whole.

Lives here: what a key does to a refused command, which stands there selected. In prompt-toolkit a selection puts vi
into its visual mode, where the next letter would be an operator and not the beginning of another line.
"""

from __future__ import annotations

from prompt_toolkit.filters import shift_selection_mode, vi_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys

_REPLACE = (Keys.BracketedPaste, Keys.Backspace, Keys.ControlH, Keys.Delete)


def vi_keys() -> KeyBindings:
    """Return the bindings."""
    keys = KeyBindings()

    @keys.add(Keys.Any, filter=vi_mode & shift_selection_mode, eager=True)
    def _(event: KeyPressEvent) -> None:
        """Replace the selected line by what is typed, as in emacs mode; any other key finds it not selected."""
        pressed, buffer = event.key_sequence[0], event.current_buffer
        is_text = not isinstance(pressed.key, Keys)
        if is_text or pressed.key in _REPLACE:
            buffer.cut_selection()
            event.app.vi_state.input_mode = InputMode.INSERT
        else:
            buffer.exit_selection()
        if is_text or pressed.key is Keys.BracketedPaste or pressed.key not in _REPLACE:
            event.key_processor.feed(pressed, first=True)

    return keys
