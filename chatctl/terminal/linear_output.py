"""What the linear screen writes: text in rows of its own, never into the line that is being typed.

Lives here: when a message is written, and in which row. Does not live here: the line (linear_line.py), keys
(linear_keys.py).
"""

from __future__ import annotations

from typing import TextIO

from chatctl.terminal.linear_line import BELL, LinearLine


class LinearOutput:
    """Writes to a terminal, and knows whether its last row is still open."""

    def __init__(self, stdout: TextIO, line: LinearLine) -> None:
        """Write to ``stdout`` from the beginning of a row on. ``line`` is the one that is being typed."""
        self._stdout = stdout
        self._line = line
        self._mid_row = False
        self.waiting: list[str] = []
        """Messages that come while a line is being typed."""

    def write(self, text: str) -> None:
        """Write text as it is."""
        if text:
            self._mid_row = self._mid_row if text == BELL else not text.endswith("\n")
            self._stdout.write(text)
            self._stdout.flush()

    def end_row(self) -> None:
        """Go to the next row, unless nothing stands in this one."""
        self.write("\n" if self._mid_row else "")

    def show(self, lines: list[str]) -> None:
        """Write messages, or keep them while a line is being typed."""
        self.waiting += lines
        if not self._line.text:
            self.write_waiting()

    def write_waiting(self) -> None:
        """Write the messages that wait, in rows of their own."""
        lines, self.waiting = self.waiting, []
        if lines:
            self.end_row()
            self.write("".join(f"{line}\n" for line in lines))

    def write_all(self) -> None:
        """Write what waits, and the line again below it."""
        self.end_row()
        self.write_waiting()
        self.write(self._line.again())

    def interject(self, line: str) -> None:
        """Write a row in answer to a key, with what waits, and the line again below it."""
        self.waiting.append(line)
        self.write_all()
