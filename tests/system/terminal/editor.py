"""A line editor as a person thinks of one: what should stand in the line, whatever comes in meanwhile."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field


@dataclass
class Editor:
    """The text, the cursor, and what was said before."""

    history: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=lambda: [""])
    at: int = 0
    cursor: int = 0
    beginning: str | None = None
    """What lines that Up and Down bring begin with; None until one of them is pressed in an unchanged line."""

    def __post_init__(self) -> None:
        self.lines = [*self.history, ""]
        self.at = len(self.history)

    @property
    def text(self) -> str:
        return self.lines[self.at]

    def _set(self, text: str, cursor: int) -> None:
        before, self.lines[self.at], self.cursor = self.text, text, cursor
        if text != before:
            self.beginning = None
        if not text and len(before) > 1:
            self._cleared(before)

    def _cleared(self, line: str) -> None:
        """A line that one key has cleared comes back with Up."""
        if line.strip() and (not self.at or self.lines[self.at - 1] != line):
            self.lines.insert(self.at, line)
            self.at += 1

    def insert(self, char: str) -> None:
        self._set(self.text[: self.cursor] + char + self.text[self.cursor :], self.cursor + len(char))

    def backspace(self) -> None:
        if self.cursor:
            self._set(self.text[: self.cursor - 1] + self.text[self.cursor :], self.cursor - 1)

    def kill_word(self) -> None:
        kept = re.sub(r"\S*\s*$", "", self.text[: self.cursor])
        self._set(kept + self.text[self.cursor :], len(kept))

    def kill_end(self) -> None:
        self._set(self.text[: self.cursor], self.cursor)

    def move(self, to: int) -> None:
        self.cursor = max(0, min(len(self.text), to))

    def recall(self, step: int) -> None:
        if self.beginning is None:
            self.beginning = self.text[: self.cursor]
        others = range(self.at + 1, len(self.lines)) if step > 0 else reversed(range(self.at))
        found = next((at for at in others if self.lines[at].startswith(self.beginning)), None)
        if found is not None:
            self.at, self.cursor = found, len(self.lines[found])

    def press(self, key: str) -> str:
        """Press a key; give what a terminal sends for it."""
        match key:
            case "backspace":
                self.backspace()
                return "\x7f"
            case "left":
                self.move(self.cursor - 1)
                return "\x1b[D"
            case "right":
                self.move(self.cursor + 1)
                return "\x1b[C"
            case "home":
                self.move(0)
                return "\x1b[H"
            case "end":
                self.move(len(self.text))
                return "\x1b[F"
            case "kill word":
                self.kill_word()
                return "\x17"
            case "kill end":
                self.kill_end()
                return "\x0b"
            case "up":
                self.recall(-1)
                return "\x1b[A"
            case "down":
                self.recall(1)
                return "\x1b[B"
            case char:
                self.insert(char)
                return char


def random_key(chance: random.Random) -> str:
    """Return a key: 45 % Backspace, some that move and kill, else a character."""
    dice = chance.random()
    if dice < 0.45:
        return "backspace"
    if dice < 0.60:
        return chance.choice(("left", "right", "home", "end", "up", "down", "kill word", "kill end"))
    return chance.choice("abcdefghijklmnopqrstuvwxyz     ÄÖÜéñ漢字😀")
