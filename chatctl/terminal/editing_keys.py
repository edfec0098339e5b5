"""Keys that edit the line, by what a person sees as one character or word.

prompt-toolkit's own move and delete by code points, and know words of ASCII only: Backspace took a child out of a
family, and the screen showed none; Alt-B stopped three times in "größer". Lives here: those keys. Does not live here:
positions (graphemes.py), keys that do something else than editing (key_bindings.py).
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, Filter, emacs_mode, has_selection, shift_selection_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from chatctl.terminal.graphemes import before, behind, word_end, word_start

Move = Callable[[str, int, int], int]
"""From a text, a position and how often the key is pressed to another position."""


def editing_keys() -> KeyBindings:
    """Return the bindings, for every buffer: the line and the field of a search."""
    keys = KeyBindings()
    typing = ~shift_selection_mode  # there, prompt-toolkit's own bindings replace or leave what is selected
    not_empty = Condition(lambda: bool(get_app().current_buffer.text))

    def bind(*names: tuple[str, ...], to: Callable[[KeyPressEvent], None], when: Filter = typing) -> None:
        for name in names:  # in vi mode Escape is a key of its own, and never Alt
            keys.add(*name, filter=when & emacs_mode if name[0] == "escape" else when)(to)

    bind(("left",), ("c-b",), to=_moves(_in_line_before))
    bind(("right",), ("c-f",), to=_moves(_in_line_behind))
    bind(("c-left",), ("escape", "b"), ("escape", "left"), to=_moves(_word_before))
    bind(("c-right",), ("escape", "f"), ("escape", "right"), to=_moves(_word_behind))
    bind(("backspace",), to=_deletes(before))
    bind(("delete",), to=_deletes(behind), when=typing & ~has_selection)
    bind(("c-d",), to=_deletes(behind), when=typing & not_empty)
    bind(("c-delete",), ("escape", "d"), to=_deletes(_word_behind, kills=True))
    bind(("escape", "backspace"), to=_deletes(_word_before, kills=True))
    bind(("c-w",), to=_deletes(_blank_before, kills=True), when=typing & ~has_selection)
    bind(("c-t",), to=lambda event: _transpose(event.current_buffer))
    bind(("escape", "u"), to=_changes_word(str.upper))
    bind(("escape", "l"), to=_changes_word(str.lower))
    bind(("escape", "c"), to=_changes_word(str.title))
    return keys


def _in_line_before(text: str, at: int, count: int) -> int:
    return max(before(text, at, count), text.rfind("\n", 0, at) + 1)


def _in_line_behind(text: str, at: int, count: int) -> int:
    end = text.find("\n", at)
    return min(behind(text, at, count), len(text) if end < 0 else end)


def _word_before(text: str, at: int, count: int) -> int:
    for _ in range(min(count, len(text))):
        at = word_start(text, at)
    return at


def _word_behind(text: str, at: int, count: int) -> int:
    for _ in range(min(count, len(text))):
        at = word_end(text, at)
    return at


def _blank_before(text: str, at: int, count: int) -> int:
    for _ in range(min(count, len(text))):
        at = word_start(text, at, lambda cluster: not cluster[0].isspace())
    return at


def _moves(move: Move) -> Callable[[KeyPressEvent], None]:
    def handle(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        buffer.cursor_position = move(buffer.text, buffer.cursor_position, max(0, event.arg))

    return handle


def _deletes(move: Move, *, kills: bool = False) -> Callable[[KeyPressEvent], None]:
    """Return what deletes from the cursor to where ``move`` goes; ``kills``: Ctrl-Y brings it back."""

    def handle(event: KeyPressEvent) -> None:
        buffer, at = event.current_buffer, event.current_buffer.cursor_position
        to = move(buffer.text, at, max(0, event.arg))
        deleted = buffer.delete_before_cursor(at - to) if to < at else buffer.delete(to - at)
        if not deleted:
            event.app.output.bell()
        elif kills:
            kept = event.app.clipboard.get_data().text if event.is_repeat else ""
            event.app.clipboard.set_text(deleted + kept if to < at else kept + deleted)

    return handle


def _transpose(buffer: Buffer) -> None:
    """Exchange the characters before and behind the cursor, at the end of a line the two before it."""
    text, at = buffer.text, buffer.cursor_position
    middle = at if _in_line_behind(text, at, 1) > at else _in_line_before(text, at, 1)
    first, last = _in_line_before(text, middle, 1), _in_line_behind(text, middle, 1)
    if first < middle < last:
        buffer.document = Document(text[:first] + text[middle:last] + text[first:middle] + text[last:], last)


def _changes_word(change: Callable[[str], str]) -> Callable[[KeyPressEvent], None]:
    def handle(event: KeyPressEvent) -> None:
        buffer, at = event.current_buffer, event.current_buffer.cursor_position
        end = _word_behind(buffer.text, at, max(0, event.arg))
        changed = change(buffer.text[at:end])
        buffer.document = Document(buffer.text[:at] + changed + buffer.text[end:], at + len(changed))

    return handle
