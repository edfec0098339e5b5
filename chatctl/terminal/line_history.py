"""What was entered before, for Up and Ctrl-R: in memory all of it, in a file what was said to the room.

Lives here: what is kept where. Does not live here: the file's place (client/saved_state.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from itertools import chain

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.history import FileHistory, History

from chatctl.terminal.slash_commands import is_whisper


class LineHistory(History):
    """A history whose file never holds a whisper, nor a line that was not sent."""

    def __init__(self, path: str | None, *, draft: str = "") -> None:
        """Keep lines in the file at ``path``; None: in memory alone. ``draft`` is what Up brings back first."""
        super().__init__()
        self._draft = draft
        self._file = FileHistory(path) if path is not None else None
        self._only_remember = False
        self._unwritten: list[str] = []

    def keep_in(self, path: str) -> None:
        """Use the file at ``path`` from now on, also for what has been entered so far."""
        self._file = FileHistory(path)
        self._loaded_strings += self._file.load_history_strings()
        unwritten, self._unwritten = self._unwritten, []
        for line in unwritten:
            self.store_string(line)

    def load_history_strings(self) -> Iterable[str]:
        """Return an earlier run's draft, then the lines in the file, the newest first."""
        in_file = self._file.load_history_strings() if self._file is not None else ()
        return chain([self._draft] if self._draft else [], in_file)

    def read(self) -> None:
        """Read the file now, where nobody draws a prompt that would."""
        if not self._loaded:
            self._loaded_strings, self._loaded = [*self._loaded_strings, *self.load_history_strings()], True

    def store_string(self, string: str) -> None:
        """Write a line into the file, if it belongs there. A full disk costs the line, not the program."""
        if self._only_remember or is_whisper(string):
            return
        if self._file is None:
            self._unwritten.append(string)
            return
        with contextlib.suppress(OSError):
            self._file.store_string(string)

    def remember(self, line: str) -> None:
        """Keep a line that was cleared or refused, in memory alone."""
        if self.get_strings()[-1:] != [line]:
            self._only_remember = True
            self.append_string(line)
            self._only_remember = False


def bring_back(buffer: Buffer, line: str) -> None:
    """Have Up bring a line that was not sent, at once; ``buffer.reset`` would forget what can be undone."""
    if isinstance(buffer.history, LineHistory):
        buffer.history.remember(line)
    lines, index, cursor = buffer._working_lines, buffer.working_index, buffer.cursor_position  # noqa: SLF001 — no other
    if not index or lines[index - 1] != line:
        lines.insert(index, line)
        buffer.working_index, buffer.cursor_position = index + 1, cursor
