"""A line that is edited as on a terminal that prints on paper: what is written stays, and more is only added to it.

Lives here: what a key makes of the line, and what is written for that. Does not live here: when messages are written
(linear_screen.py). No I/O.

What is deleted is written again between a backslash and a slash, as ``stty prterase`` has it: a screen reader reads it
out, and nothing that it has read changes behind its back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatctl.terminal import graphemes

BELL = "\a"
"""For a key that has nothing to do."""


class LinearLine:
    """The line, whose cursor is always at its end. Each method returns what is to be written."""

    def __init__(self) -> None:
        """Begin with an empty line."""
        self.text = ""
        self._erasing = False

    def insert(self, text: str) -> str:
        """Add text."""
        self.text += text
        return self._end_of_erasing() + text

    def _end_of_erasing(self) -> str:
        was, self._erasing = self._erasing, False
        return "/" if was else ""

    def erase(self) -> str:
        """Delete what is seen as the last character."""
        if not self.text:
            return BELL
        at = graphemes.before(self.text, len(self.text))
        begin, self._erasing = "" if self._erasing else "\\", True
        gone, self.text = self.text[at:], self.text[:at]
        return begin + gone.replace("\n", "^J")

    def erase_word(self) -> str:
        """Delete the last word, and the blanks behind it."""
        if not self.text:
            return BELL
        at = graphemes.word_start(self.text, len(self.text), lambda cluster: not cluster[0].isspace())
        gone, self.text = self.text[at:], self.text[:at]
        return f"{self._end_of_erasing()}\\{gone}/".replace("\n", "^J")

    def take(self) -> str:
        """Return the line, and begin a new one; nothing is written."""
        taken, self.text, self._erasing = self.text, "", False
        return taken

    def become(self, text: str) -> str:
        """Replace the line: it is written anew, in the next row unless it only goes on."""
        before, self.text = self.text, text
        went_on = text.startswith(before) and not self._erasing
        self._erasing = False
        return text[len(before) :] if went_on else f"\n{text}"

    def again(self) -> str:
        """Write the line as it is now."""
        self._erasing = False
        return self.text


class Recall:
    """Up and Down: lines that were entered before and that begin like the present one."""

    def __init__(self, entered: Callable[[], Sequence[str]]) -> None:
        """``entered`` returns all of them, the newest last."""
        self._entered = entered
        self._found: list[str] = []
        self._at = 0

    def forget(self) -> None:
        """Begin anew with the next key: the line has been changed."""
        self._found = []

    def step(self, line: str, by: int) -> str | None:
        """Return the line ``by`` steps nearer to the newest; None if there is none."""
        if not self._found:
            older = [entry for entry in self._entered() if entry.startswith(line) and entry != line]
            self._found = [*older, line]
            self._at = len(older)
        if not 0 <= self._at + by < len(self._found):
            return None
        self._at += by
        return self._found[self._at]
