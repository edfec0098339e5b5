"""The keyboard, as prompt-toolkit reads it: bytes from the terminal, keys of our own parser.

Lives here: reading and decoding. Does not live here: what a sequence means (key_parser.py), modes (terminal_modes.py).
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import TextIO

from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyPress

from chatctl.terminal.key_parser import KeyParser

_READ_BYTES = 1024
"""Of one read: between two of them the loop does everything else, a paste without brackets is slow to insert."""

_PASTE_BYTES = 64 * 1024


class KeyInput(Vt100Input):
    """An input whose unknown sequences are no text, and that says when its bytes are none either."""

    def __init__(self, stdin: TextIO, on_broken: Callable[[bytes], object]) -> None:
        """``on_broken`` gets bytes that are no text in the encoding of ``stdin``; each became U+FFFD."""
        super().__init__(stdin)
        self._decoder = getincrementaldecoder(stdin.encoding)("surrogateescape")
        self._parser = KeyParser()
        self._on_broken = on_broken
        self.on_column: Callable[[int], object] = lambda _column: None
        """Gets the column in which the terminal reports its cursor."""
        self.on_focus: Callable[[bool], object] = lambda _focused: None
        """Told when our window gets the keyboard's focus (True) or loses it."""
        self._ended = False

    @property
    def closed(self) -> bool:
        """Whether the terminal is gone: nothing will come any more."""
        return self._ended

    def read_keys(self) -> list[KeyPress]:
        """Return the keys that have arrived, without waiting."""
        return self.keys_in(self._read())

    def keys_in(self, data: bytes) -> list[KeyPress]:
        """Return the keys in ``data``, which was read from the terminal elsewhere."""
        before = self._parser.focused
        keys = self._parser.feed(self._decoder.decode(data))
        if self._parser.focused is not None and self._parser.focused != before:
            self.on_focus(self._parser.focused)
        columns, self._parser.columns = self._parser.columns, []
        for column in columns:
            self.on_column(column)
        if self._parser.broken:
            broken, self._parser.broken = bytes(self._parser.broken), bytearray()
            self._on_broken(broken)
        return keys

    def flush_keys(self) -> list[KeyPress]:
        """Return the keys that a pause decides: ESC alone."""
        return self._parser.pause()

    def read_until(self, done: Callable[[], bool], seconds: float) -> None:
        """Read and drop keys until ``done``, or until nothing has come for ``seconds``."""
        while not done() and not self._ended and select.select([self.fileno()], [], [], seconds)[0]:
            self.read_keys()

    def _read(self) -> bytes:
        try:
            if self._ended or not select.select([self.fileno()], [], [], 0)[0]:
                return b""
            data = os.read(self.fileno(), _PASTE_BYTES if self._parser.in_paste else _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: the window is closed, and SIGHUP is ignored or still to come
            data = b""
        self._ended = not data
        return data
