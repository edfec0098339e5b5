"""The line that is being typed, kept within bounds, its cursor between two characters.

Lives here: what is checked around each key. Does not live here: what a key does (key_bindings.py, editing_keys.py),
what may be sent (controller.py).

Drawing the prompt costs time for each character of the line, at each key. A line that can't be sent as it stands is
therefore not even begun: what would make it too long is refused, whichever key or paste it is.
"""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding.key_processor import KeyProcessor

from chatctl.terminal import graphemes
from chatctl.terminal.line_history import bring_back
from chatctl.terminal.pasted_text import PastedText

COMMAND_BYTES = 256
"""What a command may have beside its text: ``/msg`` and a nickname."""


class Draft:
    """Watches the line of the prompt."""

    def __init__(
        self,
        buffer: Buffer,
        key_processor: KeyProcessor,
        limit: Callable[[], int],
        refuse: Callable[[str], object],
    ) -> None:
        """Watch from now on.

        Args:
            buffer: holds the line.
            key_processor: says before and after each key that it is handled.
            limit: returns the bytes of UTF-8 that a message may have.
            refuse: tells why something was not taken.
        """
        self._buffer = buffer
        self._limit = limit
        self._refuse = refuse
        self._before, self._index = buffer.document, buffer.working_index
        self._lines = buffer._working_lines  # noqa: SLF001
        self._full = False
        key_processor.before_key_press += lambda _: self._key_comes()
        key_processor.after_key_press += lambda _: self._key_came()

    def _room(self, line: str) -> int:
        return room_for(line, self._limit())

    def why_not(self, line: str) -> str | None:
        """Return why a text is too long to stand in the line; None if it is not."""
        return too_long(line, self._limit())

    def paste(self, text: str) -> None:
        """Insert a paste where the cursor is, in the place of what is selected; all of it, or nothing."""
        selected = self._buffer.selection_state
        if selected is not None and selected.shift_mode:
            self._buffer.cut_selection()
        whole = text.size if isinstance(text, PastedText) else line_bytes(text)
        size = whole - (len(text) - len(text.strip("\n")))  # they are not sent
        there, room = line_bytes(self._buffer.text), self._room(self._buffer.text or text)
        if size + there <= room:
            self._buffer.insert_text(text)
        elif there:
            self._refuse(f"this paste has {size} bytes and the line {there}, at most {room} can be sent: not taken")
        else:
            self._refuse(f"this paste has {size} bytes, at most {room} can be sent: not taken")

    def _key_comes(self) -> None:
        self._before, self._index = self._buffer.document, self._buffer.working_index
        self._lines = self._buffer._working_lines  # noqa: SLF001 — ``reset`` makes new ones, and nothing else tells of it

    def _key_came(self) -> None:
        buffer, before = self._buffer, self._before
        if buffer.working_index != self._index:  # an earlier line; it has been sent once
            return
        if buffer._working_lines is not self._lines:  # noqa: SLF001 — it was entered, or is another room's
            return
        if not buffer.text and graphemes.before(before.text, len(before.text)):
            self._cleared(before.text)
        elif buffer.text is before.text or buffer.text == before.text:
            self._snap(before.cursor_position)
        elif len(buffer.text) > len(before.text):
            self._bound(before)
        else:
            self._full = False

    def _cleared(self, line: str) -> None:
        """Have Up bring a line back that one key has cleared."""
        self._full = False
        if line.strip():
            bring_back(self._buffer, line)

    def _snap(self, before: int) -> None:
        at = self._buffer.cursor_position
        to = graphemes.snapped(self._buffer.text, at, forward=at > before)
        if to != at:
            self._buffer.cursor_position = to

    def _bound(self, before: Document) -> None:
        room = self._room(self._buffer.text)
        if line_bytes(self._buffer.text.strip("\n")) <= room:
            return
        self._buffer.document = before
        if not self._full:
            self._full = True
            self._refuse(f"the line is full: at most {room} bytes can be sent")


def too_long(line: str, limit: int) -> str | None:
    """Return that a line is too long to be sent where a message may have ``limit`` bytes, with sizes; else None."""
    size, room = line_bytes(line), room_for(line, limit)
    return None if size <= room else f"the text has {size} bytes, at most {room} can be sent"


def room_for(line: str, limit: int) -> int:
    """Return the bytes that a line may have where a message may have ``limit``."""
    return limit + (COMMAND_BYTES if line.startswith("/") else 0)


def line_bytes(text: str) -> int:
    """Return the bytes of UTF-8 that a text has."""
    return len(text.encode("utf-8", "replace"))
