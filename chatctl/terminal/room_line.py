"""The line of one room: what is typed there, what was entered before, and the draft of an earlier run.

Lives here: what has to be kept when another room is shown, and saved when the program is killed. Does not live here:
editing (draft.py), the files (client/saved_state.py).
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.document import Document

from chatctl.client.saved_state import SavedState
from chatctl.terminal.line_history import LineHistory
from chatctl.terminal.old_draft import OldDraft
from chatctl.terminal.slash_commands import is_whisper


class RoomLine:
    """One line, as long as its room is joined."""

    def __init__(
        self, saved: SavedState, is_private: Callable[[str], bool] = is_whisper, *, history_file: bool
    ) -> None:
        """Begin with an empty line.

        Args:
            saved: keeps what is typed and said.
            is_private: tells which lines are for one member alone: they are in no file.
            history_file: what is said is kept there, too.
        """
        self._is_private = is_private
        self._saved = saved
        self._history_file = history_file
        self._kept = saved.kept
        found = saved.draft()
        self.old_draft = OldDraft(found, saved.draft_time)
        path = saved.history_file if history_file else None
        self.history = LineHistory(str(path) if path is not None else None, draft=found)
        self.document = Document()
        """What stood in the line when another room was shown."""

    def save(self, line: str) -> None:
        """Save the line as it is now, so that a crash does not lose it; a whisper is in no file."""
        self._saved.save_draft("" if self._is_private(line) else self.old_draft.to_save(line))

    def entered(self, line: str, *, was_private: bool = False) -> None:
        """Note that a line was entered and accepted; ``was_private``: it was for one member alone."""
        if was_private:
            self.history.remember(line)
        elif self.history.get_strings()[-1:] != [line]:
            self.history.append_string(line)
        self.document = Document()
        self.old_draft.line_is(line)
        self.old_draft.entered()
        self.save("")

    def take_over(self) -> bool:
        """Take over from another client that had the files until now. Return whether that has just happened."""
        if self._kept or not self._saved.kept:
            return False
        self._kept = True
        if self._history_file and (path := self._saved.history_file) is not None:
            self.history.keep_in(str(path))
        if self._saved.found_draft:
            self.old_draft = OldDraft(self._saved.found_draft, self._saved.draft_time)
            self.history.remember(self._saved.found_draft)
        return True


class RoomLines:
    """The lines of all rooms, by what is saved of them."""

    def __init__(self, *, history_file: bool) -> None:
        """With ``history_file`` what is said is kept in each room's files."""
        self._history_file = history_file
        self._lines: dict[SavedState, RoomLine] = {}

    def of(self, saved: SavedState, is_private: Callable[[str], bool]) -> RoomLine:
        """Return the line of a room; it begins with the first call."""
        if saved not in self._lines:
            self._lines[saved] = RoomLine(saved, is_private, history_file=self._history_file)
        return self._lines[saved]
