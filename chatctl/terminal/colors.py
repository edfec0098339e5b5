"""Colours: how many the terminal has, and which one a nickname gets."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

# Of the 256 colours, those with a contrast of 3.6 or more to black and to white alike (WCAG 2 formula), and far
# enough from grey to be told apart.
_READABLE = (26, 28, 30, 32, 62, 64, 94, 98, 100, 128, 130, 134, 160, 162, 164, 166, 196, 198)
_BASIC = (31, 32, 35, 36)  # red, green, magenta, cyan: yellow is illegible on white, blue on black


@dataclass(frozen=True, slots=True)
class Palette:
    """SGR sequences for a terminal with 0, 16 or 256 colours."""

    colours: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Palette:
        """Return the palette that NO_COLOR, COLORTERM and TERM ask for."""
        term = environ.get("TERM", "dumb")
        if environ.get("NO_COLOR") or term in ("dumb", ""):
            return cls(0)
        rich = "256color" in term or environ.get("COLORTERM") in ("truecolor", "24bit")
        return cls(256 if rich else 16)

    def nick(self, nick: str) -> str:
        """Return a nickname in its colour, which depends on the name alone: it is the same in every session."""
        digest = zlib.crc32(nick.casefold().encode("utf-8", "replace"))
        if self.colours == 256:
            return self._paint(f"1;38;5;{_READABLE[digest % len(_READABLE)]}", nick)
        return self._paint(f"1;{_BASIC[digest % len(_BASIC)]}", nick)

    def dim(self, text: str) -> str:
        """Return text of little importance, dimmed."""
        return self._paint("2", text)

    def bold(self, text: str) -> str:
        """Return important text, in bold."""
        return self._paint("1", text)

    def highlight(self, text: str) -> str:
        """Return text that addresses the user, in bold and reverse video."""
        return self._paint("1;7", text)

    def _paint(self, codes: str, text: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self.colours else text
