"""Colours: which the terminal has, and which a nickname gets."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

# Of the 256 colours, those with a contrast of 3.6 or more to black and to white alike (WCAG 2 formula), and far
# enough from grey to be told apart.
_READABLE = (26, 28, 30, 32, 62, 64, 94, 98, 100, 128, 130, 134, 160, 162, 164, 166, 196, 198)
_BASIC = (31, 32, 35, 36)  # red, green, magenta, cyan: yellow vanishes on white, blue on black


@dataclass(frozen=True, slots=True)
class Palette:
    """SGR codes for a number of colours: 0, 16 or 256."""

    colours: int

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Palette:
        """Give what this environment asks for (NO_COLOR, COLORTERM, TERM)."""
        term = environ.get("TERM", "dumb")
        if environ.get("NO_COLOR") or term in ("dumb", ""):
            return cls(0)
        rich = "256color" in term or environ.get("COLORTERM") in ("truecolor", "24bit")
        return cls(256 if rich else 16)

    def nick(self, nick: str) -> str:
        """Give a nickname in its colour, the same one everywhere and always."""
        pick = zlib.crc32(nick.casefold().encode("utf-8", "replace"))
        if self.colours == 256:
            return self._paint(f"1;38;5;{_READABLE[pick % len(_READABLE)]}", nick)
        return self._paint(f"1;{_BASIC[pick % len(_BASIC)]}", nick)

    def dim(self, text: str) -> str:
        """Give a text that may be overlooked."""
        return self._paint("2", text)

    def bold(self, text: str) -> str:
        """Give a text that should not be."""
        return self._paint("1", text)

    def alert(self, text: str) -> str:
        """Give a text that is addressed to the reader."""
        return self._paint("1;7", text)

    def _paint(self, codes: str, text: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self.colours else text
