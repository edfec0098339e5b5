"""What ``admin`` prints: the rows or the text of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatctl.cli.output import json_text, moment
from chatctl.common.text import clean

Answer = dict[str, Any]
"""An answer of the admin socket: ``rows`` and ``list`` for verbs that list, ``text`` for the others."""


def json_lines(answer: Answer) -> Iterator[str]:
    """Return one JSON object per row, or one with the text; nothing for an empty list."""
    text = [] if answer.get("list") else [{"text": answer.get("text")}]
    return map(json_text, answer.get("rows") or text)


def text_lines(answer: Answer) -> Iterator[str]:
    """Return ``key=value`` pairs of each row, or the text."""
    for row in answer.get("rows") or ():
        yield clean("  ".join(f"{key}={_shown(key, value)}" for key, value in row.items()))
    if not answer.get("rows"):
        yield clean(str(answer.get("text", "")))


def _shown(key: str, value: Any) -> str:
    if key in ("since", "until", "used", "time") and isinstance(value, int | float):
        return moment(value).replace(" ", "T")
    return str(value)
