"""What keys do on the linear screen.

Lives here: which key does what. Does not live here: the line (linear_line.py), rows (linear_output.py), the full screen
(key_bindings.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prompt_toolkit.completion import CompleteEvent, Completer, get_common_complete_suffix
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from chatctl.terminal.draft import too_long
from chatctl.terminal.linear_line import BELL, LinearLine, Recall
from chatctl.terminal.linear_output import LinearOutput


@dataclass(frozen=True, slots=True)
class Actions:
    """What keys do beyond editing."""

    submit: Callable[[str], bool]
    """Takes the text of the line; returns False if it was refused."""
    remember: Callable[[str], object]
    """Keeps a line that was cleared or refused, for Up."""
    entered: Callable[[], Sequence[str]]
    """Returns the lines that Up brings, the newest last."""
    interrupt: Callable[[bool], bool]
    """Ctrl-C: leaves, or returns False. True: it has cleared the line."""
    leave: Callable[[], None]
    """Ends the program."""
    stop: Callable[[], None]
    """Stops the program until the shell's ``fg``."""
    limit: Callable[[], int]
    """Returns the bytes of UTF-8 that one message may have."""
    error: Callable[[str], str]
    """Renders an error."""


class LinearKeys:
    """Edits a line and writes what is added to it."""

    def __init__(self, line: LinearLine, output: LinearOutput, completer: Completer, actions: Actions) -> None:
        """Press nothing yet."""
        self._line, self._output = line, output
        self._completer = completer
        self._actions = actions
        self._recall = Recall(actions.entered)
        self._bindings: dict[str, Callable[[], None]] = {
            Keys.ControlM: self._enter,
            Keys.ControlJ: lambda: self._insert("\n"),
            Keys.ControlI: self._complete,
            Keys.ControlC: self._interrupt,
            Keys.ControlD: lambda: output.write(BELL) if line.text else actions.leave(),
            Keys.ControlH: lambda: self._erase(line.erase),
            Keys.ControlW: lambda: self._erase(line.erase_word),
            Keys.ControlU: self._clear,
            Keys.ControlR: output.write_all,
            Keys.ControlL: output.write_all,
            Keys.ControlZ: actions.stop,
            Keys.Up: lambda: self._go(-1),
            Keys.Down: lambda: self._go(1),
            Keys.Escape: lambda: None,
            Keys.Ignore: lambda: None,
        }

    def press(self, presses: list[KeyPress]) -> None:
        """Press keys that came together: a character behind ESC is Alt with it."""
        for before, press in zip([None, *presses], presses, strict=False):
            if press.key not in (Keys.Up, Keys.Down):
                self._recall.forget()
            is_text = press.key is Keys.BracketedPaste or not isinstance(press.key, Keys)
            if is_text and (before is None or before.key is not Keys.Escape):
                self._insert(press.data)
            else:
                self._bindings.get(press.key, lambda: self._output.write(BELL))()

    def _insert(self, text: str) -> None:
        why_not = too_long(self._line.text + text, self._actions.limit())
        if why_not is None:
            self._output.write(self._line.insert(text))
        elif len(text) == 1:
            self._output.write(BELL)
        else:
            self._output.interject(self._actions.error(f"{why_not}: not taken"))

    def _erase(self, erase: Callable[[], str]) -> None:
        self._output.write(erase())
        if not self._line.text:
            self._output.end_row()

    def _clear(self) -> None:
        if self._line.text:
            self._actions.remember(self._line.take())
            self._output.write("^U\n")

    def _interrupt(self) -> None:
        line = self._line.take()
        if line:
            self._actions.remember(line)
        if not self._actions.interrupt(bool(line)):
            self._output.write("^C\nCtrl-C again leaves\n")

    def _enter(self) -> None:
        """Submit the line. One that is refused comes back with Up."""
        line = self._line.take()
        self._output.write("\n")
        self._output.write_waiting()
        if not self._actions.submit(line) and line.strip():
            self._actions.remember(line)

    def _go(self, by: int) -> None:
        found = self._recall.step(self._line.text, by)
        self._output.write(BELL if found is None else self._line.become(found))

    def _complete(self) -> None:
        """Go on as far as all completions agree, and name them if there are several."""
        text = self._line.text
        document = Document(text, len(text))
        found = list(self._completer.get_completions(document, CompleteEvent(completion_requested=True)))
        if not found:
            self._output.write(BELL)
        elif len(found) == 1:
            self._output.write(self._line.become(text[: len(text) + found[0].start_position] + found[0].text))
        elif common := get_common_complete_suffix(document, found):
            self._output.write(self._line.insert(common))
        else:
            self._output.interject(" ".join(one.display_text for one in found))
