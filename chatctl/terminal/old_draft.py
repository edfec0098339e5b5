"""The unfinished line of an earlier run: announced above the prompt, and kept until the user has had it back.

Lives here: what is told of it, and what is saved while it waits. Does not live here: its file (client/saved_state.py),
how Up finds it (line_history.py).
"""

from __future__ import annotations

from chatctl.common.text import clean
from chatctl.common.times import local

_SHOWN_CHARS = 30


class OldDraft:
    """One draft. It never stands in the line by itself: the user did not type it there in this run."""

    def __init__(self, text: str, saved_at: float) -> None:
        """``text`` is empty if there is none; it was saved at ``saved_at``, in Unix seconds."""
        self._text = text
        self._saved_at = saved_at
        self._is_told = bool(text)

    def announcement(self, now: float) -> str:
        """Return what the prompt says about it at ``now``, in Unix seconds; empty if there is nothing to say."""
        if not self._is_told:
            return ""
        same_day = local("%F", self._saved_at) == local("%F", now)
        when = local("%H:%M" if same_day else "%d %B, %H:%M", self._saved_at)
        text = clean(self._text)
        shown = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
        return f"your draft of {when} is kept, Up brings it back: {shown}"

    def line_is(self, line: str) -> None:
        """Note what stands in the line: once it is this draft, the user has it, and it is a line like any other."""
        if self._text and line == self._text:
            self._text, self._is_told = "", False

    def entered(self) -> None:
        """Note that a line was entered: the announcement has been seen."""
        self._is_told = False

    def to_save(self, line: str) -> str:
        """Return the draft to save while ``line`` is being typed: an empty line leaves this one in its file."""
        return line or self._text
