"""Output of programs as text: without what acts on a terminal, and cut to a number of bytes.

Does not live here: what may be shown on a terminal (text.py).
"""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC: titles, links, images
    r"|\x1b(?:[ -/]*[0-~])?",  # the others, and what is left of one
    re.DOTALL,
)
"""Escape sequences (ECMA-48)."""

CUT = "…"


def plain(text: str) -> str:
    """Return each line of ``text`` as a terminal would show it in the end, without sequences, CR and BOM.

    What stands before a CR was written over: of a progress bar its last state is left.
    """
    return "\n".join(map(_plain_line, _SEQUENCE.sub("", text).replace("\ufeff", "").split("\n")))


def _plain_line(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def cut_end(text: str, limit: int) -> str:
    """Return at most ``limit`` bytes of the beginning of ``text``; where some is left out, ``…`` stands at its end."""
    data = text.encode()
    return text if len(data) <= limit else data[: max(0, limit - len(CUT.encode()))].decode("utf-8", "ignore") + CUT


def cut_start(text: str, limit: int) -> str:
    """Return at most ``limit`` bytes of the end of ``text``; where some is left out, ``…`` stands at its beginning."""
    data = text.encode()
    begin = len(data) - limit + len(CUT.encode())
    return text if len(data) <= limit else CUT + data[begin:].decode("utf-8", "ignore")
