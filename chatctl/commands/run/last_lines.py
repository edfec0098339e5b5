"""The last lines of what a program prints, kept in bounded memory, fit to be said in a room."""

from __future__ import annotations

import re
from collections import deque

from chatctl.common.text import clean

MAX_LINE = 4096
"""Bytes that are kept of one line: its end, which is where a message is."""

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]")
"""Colours, cursor moves and titles (ECMA-48): they mean nothing in a room."""


class LastLines:
    """The last ``number`` lines of several streams together, in the order in which they ended."""

    def __init__(self, number: int) -> None:
        """Keep nothing yet."""
        self._lines: deque[bytes] = deque(maxlen=number)
        self._begun: dict[int, bytes] = {}

    def feed(self, stream: int, data: bytes) -> None:
        """Take what a stream printed."""
        if not self._lines.maxlen:
            return
        *ended, rest = (self._begun.get(stream, b"") + data).split(b"\n")
        self._lines.extend(line[-MAX_LINE:] for line in ended[-self._lines.maxlen :])
        self._begun[stream] = rest[-MAX_LINE:]

    def take(self) -> list[str]:
        """Give the lines, cleaned, those that had not ended as well."""
        self._lines.extend(rest for rest in self._begun.values() if rest)
        self._begun.clear()
        lines = [shown(line) for line in self._lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def shown(line: bytes) -> str:
    """Give a line as a terminal would have shown it in the end, and nothing that acts on one."""
    text = _ANSI.sub("", line.decode("utf-8", "replace")).rstrip("\r")
    return clean(text.rpartition("\r")[2]).rstrip()


def fit(head: str, lines: list[str], limit: int) -> str:
    """Give a head and as many of the last lines as go into ``limit`` bytes of UTF-8."""
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


def cut_end(text: str, limit: int) -> str:
    """Give at most ``limit`` bytes of a text's beginning."""
    data = text.encode()
    return text if len(data) <= limit else data[: limit - 3].decode("utf-8", "ignore") + "..."


def cut_start(text: str, limit: int) -> str:
    """Give at most ``limit`` bytes of a text's end."""
    data = text.encode()
    return text if len(data) <= limit else "..." + data[len(data) - limit + 3 :].decode("utf-8", "ignore")
