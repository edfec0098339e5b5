"""The last lines of a program's output, kept in bounded memory and cut to what a room takes."""

from __future__ import annotations

from collections import deque

from chatctl.common.plain_text import cut_end, cut_start, plain
from chatctl.common.text import clean

MAX_LINE = 4096
"""Bytes that are kept of the end of a line, where its message is."""


class LastLines:
    """The last ``number`` lines of several streams together, in the order in which they ended."""

    def __init__(self, number: int) -> None:
        """Keep nothing yet."""
        self._lines: deque[bytes] = deque(maxlen=number)
        self._begun: dict[int, bytes] = {}

    def feed(self, stream: int, data: bytes) -> None:
        """Take a piece of a stream's output."""
        if not self._lines.maxlen:
            return
        *ended, rest = (self._begun.get(stream, b"") + data).split(b"\n")
        self._lines.extend(line[-MAX_LINE:] for line in ended[-self._lines.maxlen :])
        self._begun[stream] = rest[-MAX_LINE:]

    def take(self) -> list[str]:
        """Return the lines, cleaned, those without a line end as well; empty ones at the end are dropped."""
        self._lines.extend(rest for rest in self._begun.values() if rest)
        self._begun.clear()
        lines = [shown(line) for line in self._lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def shown(line: bytes) -> str:
    """Return a line as a terminal would show it in the end, without anything that acts on a terminal."""
    return clean(plain(line.decode("utf-8", "replace"))).rstrip()


def fit(head: str, lines: list[str], limit: int) -> str:
    """Return ``head`` and as many of the last lines as fit into ``limit`` bytes of UTF-8."""
    text = cut_end(head, limit)
    kept: list[str] = []
    left = limit - len(text.encode())
    for line in reversed(lines):
        size = len(line.encode()) + 1
        if size > left:
            if not kept and left > 8:
                kept.append(cut_start(line, left - 1))
            break
        kept.append(line)
        left -= size
    return "\n".join([text, *reversed(kept)])
