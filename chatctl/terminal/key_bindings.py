"""What keys do at the prompt, where prompt-toolkit's own bindings are not what a chat needs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, Filter, has_focus, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


def key_bindings(
    submit: Callable[[str], bool], leave: Callable[[], None], release_terminal: Callable[[], None]
) -> KeyBindings:
    """Return the key bindings of the prompt.

    Args:
        submit: takes the text of the line; returns False if the text has to stay in the line.
        leave: ends the program.
        release_terminal: prepares the terminal for the shell, before Ctrl-Z stops the program.
    """
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & ~is_searching
    empty = Condition(lambda: not get_app().current_buffer.text)

    def bind(*names: str, to: Callable[[Buffer], object], when: Filter = typing) -> None:
        @keys.add(*names, filter=when)
        def _(event: KeyPressEvent) -> None:
            to(event.current_buffer)

    bind("enter", to=lambda buffer: _enter(buffer, submit))
    bind("escape", "enter", to=_insert_newline)
    bind("c-j", to=_insert_newline)
    bind("tab", to=_complete)
    bind("c-c", to=lambda buffer: buffer.reset() if buffer.text else leave())
    bind("c-d", to=lambda _: leave(), when=typing & empty)
    bind("c-z", to=lambda _: run_in_terminal(lambda: _stop(release_terminal)))
    return keys


def _insert_newline(buffer: Buffer) -> None:
    buffer.insert_text("\n")


def _enter(buffer: Buffer, submit: Callable[[str], bool]) -> None:
    if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
        buffer.complete_state = None  # accepts the completion; a second Enter sends the line
    elif submit(buffer.text):
        buffer.append_to_history()
        buffer.reset()


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


def _stop(release_terminal: Callable[[], None]) -> None:
    """Stop the whole process group, as the terminal's driver would, until the shell's ``fg``."""
    release_terminal()
    os.kill(0, signal.SIGTSTP)
