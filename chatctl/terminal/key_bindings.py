"""What keys do at the prompt, where prompt-toolkit's own bindings are not what a chat needs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, Filter, emacs_mode, has_completions, has_focus, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.key_binding.key_bindings import KeyBindingsBase
from prompt_toolkit.keys import Keys

from chatctl.terminal.editing_keys import editing_keys
from chatctl.terminal.vi_keys import vi_keys


@dataclass(frozen=True, slots=True)
class Actions:
    """What keys do beyond editing."""

    submit: Callable[[str], bool]
    """Takes the text of the line, and empties it; returns False if it was refused."""
    remember: Callable[[str], object]
    """Keeps a line that was cleared or refused, for Up."""
    interrupt: Callable[[bool], None]
    """Ctrl-C: leaves, or says that another one does. True: it has cleared the line, so it does not leave."""
    leave: Callable[[], None]
    """Ends the program."""
    stop: Callable[[], Coroutine[Any, Any, None]]
    """Ctrl-Z: stops the program until the shell's ``fg``."""
    paste: Callable[[str], None]
    """Inserts a paste, if there is room for it."""
    has_rooms: Callable[[], bool]
    """Whether there is more than one room: else Alt and a digit say how often the next key is pressed."""
    go_to: Callable[[int], object]
    """Shows the room of that number."""
    edit: Callable[[], Coroutine[Any, Any, None]]
    """Opens the line in an editor of the user's own."""
    is_editable: Callable[[str], bool]
    """Whether a refused line is to be shortened, not to be typed anew."""


def key_bindings(actions: Actions) -> KeyBindingsBase:
    """Return the key bindings of the prompt."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & ~is_searching
    empty = Condition(lambda: not get_app().current_buffer.text)

    def bind(*names: str, to: Callable[[Buffer], object], when: Filter = typing) -> None:
        @keys.add(*names, filter=when)
        def _(event: KeyPressEvent) -> None:
            to(event.current_buffer)

    bind("enter", to=lambda buffer: _enter(buffer, actions))
    bind("escape", "enter", to=_insert_newline, when=typing & emacs_mode)
    bind("escape", to=Buffer.cancel_completion, when=typing & emacs_mode & has_completions)
    bind("c-j", to=_insert_newline)
    bind("tab", to=_complete)
    bind("c-c", to=lambda buffer: _interrupt(buffer, actions))
    bind("c-d", to=lambda _: actions.leave(), when=typing & empty)
    bind("c-z", to=lambda _: get_app().create_background_task(actions.stop()))
    for number in range(1, 10):
        go_to = partial(actions.go_to, number)
        several = typing & emacs_mode & Condition(actions.has_rooms)
        keys.add("escape", str(number), filter=several)(lambda _, go_to=go_to: go_to())
    bind("c-o", to=lambda _: None)  # prompt-toolkit's own accept the line: that would end the program
    bind("escape", "#", to=lambda _: None, when=typing & emacs_mode)

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _(event: KeyPressEvent) -> None:
        actions.paste(event.data)

    @keys.add("c-x", "c-e", filter=typing)
    def _(event: KeyPressEvent) -> None:
        event.app.create_background_task(actions.edit())

    return merge_key_bindings([editing_keys(), keys, vi_keys()])


def _insert_newline(buffer: Buffer) -> None:
    if buffer.selection_state is not None and buffer.selection_state.shift_mode:
        buffer.cut_selection()
    buffer.insert_text("\n")


def _enter(buffer: Buffer, actions: Actions) -> None:
    if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
        buffer.complete_state = None  # accepts the completion; a second Enter sends the line
    elif actions.submit(line := buffer.text):
        get_app().vi_state.reset()  # the next line begins in insert mode, as a shell's does
    elif line.startswith("/") and not actions.is_editable(line):
        _select(buffer, actions)


def _select(buffer: Buffer, actions: Actions) -> None:
    """Select a refused command, so that the next key replaces it, as in a browser's address line; Up brings it back."""
    actions.remember(buffer.text)
    buffer.reset(Document(buffer.text, 0))
    buffer.start_selection()
    assert buffer.selection_state is not None
    buffer.selection_state.enter_shift_mode()
    buffer.cursor_position = len(buffer.text)
    buffer.history_search_text = ""  # Up goes to any line, not only to those that begin like a refused one


def _interrupt(buffer: Buffer, actions: Actions) -> None:
    cleared = bool(buffer.text)
    if cleared:
        actions.remember(buffer.text)
        buffer.reset()
    actions.interrupt(cleared)


def _complete(buffer: Buffer) -> None:
    """Insert the only completion at once, or open the menu, or go on in it.

    prompt-toolkit inserts an only completion by itself, but not where that changes the case of what was typed.
    """
    if buffer.complete_state is not None:
        buffer.complete_next()
        return
    event = CompleteEvent(completion_requested=True)
    found = list(buffer.completer.get_completions(buffer.document, event))
    if len(found) == 1:
        buffer.apply_completion(found[0])
    elif found:
        buffer.start_completion(insert_common_part=True)
