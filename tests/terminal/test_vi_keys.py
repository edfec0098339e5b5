"""The vi mode: modes, and a refused command that stands there selected."""

from __future__ import annotations

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode

from tests.terminal.keys_at_prompt import edit

ESC = "\x1b"


def refuse(buffer: Buffer) -> None:
    """Select the whole line, as ``key_bindings`` does."""
    buffer.reset(Document("/hlep", 0))
    buffer.start_selection()
    assert buffer.selection_state is not None
    buffer.selection_state.enter_shift_mode()
    buffer.cursor_position = len(buffer.text)


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (f"hello{ESC}b", "|hello"),  # in one read, as Alt-B is elsewhere: there is no Alt
        (f"hello you{ESC}bix", "hello x|you"),
        (f"größer{ESC}", "größe|r"),
        (f"one{ESC}dd", "|"),
        (f"one{ESC}ddk", "|one"),
        (f"one{ESC}ddu", "on|e"),
        ("hello", "hello|"),
        ("größer", "größer|"),
        ("hello\x1b[D\x7f", "hel|o"),
    ],
)
def test_insert_and_navigation_mode(keys: str, wanted: str) -> None:
    """A line that is cleared comes back as in emacs mode."""
    assert edit(keys, mode=EditingMode.VI) == wanted


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("hi", "hi|"),
        ("d", "d|"),
        ("\x7f", "|"),
        ("\x1b[3~", "|"),
        ("\x1b[D!", "/hle!|p"),
        (f"{ESC}", "/hle|p"),
    ],
)
def test_the_next_key_replaces_a_selected_line(keys: str, wanted: str) -> None:
    """And is no operator of the visual mode, which would delete what it is moved over."""
    assert edit(keys, mode=EditingMode.VI, begin=refuse) == wanted
